"""Settings that every training has, and the check of their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal

from auscult.errors import UsageError

Precision = Literal["no", "bf16", "fp16"]
Device = Literal["auto", "cpu", "cuda", "mps"]


def check_fields(cls: type, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values for a dataclass of that type, lists as tuples.

    Raises:
        UsageError: If it has no such field.
    """
    known_names = [entry.name for entry in fields(cls)]
    if unknown := sorted(set(values) - set(known_names)):
        raise UsageError(
            "no such field",
            where=where,
            found=", ".join(unknown),
            hint=f"it has {', '.join(known_names)}",
        )
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
