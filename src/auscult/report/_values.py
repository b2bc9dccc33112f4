"""Values of evidence and operations in few letters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def format_value(value: Any) -> str:
    """`0.123457`, `[0, 2, 1]`, `{a: 1}`."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(format_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {format_value(item)}" for key, item in value.items()) + "}"
    return str(value)


def group_digits(count: float) -> str:
    """`1 280`."""
    if float(count).is_integer():
        return f"{count:,.0f}".replace(",", " ")
    return f"{count:.3g}"
