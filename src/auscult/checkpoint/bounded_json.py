"""JSON within bounds: a list or an object takes far more memory than the two bytes that make one."""

from __future__ import annotations

import json
from typing import Any

from auscult.checkpoint.source import Source

MAX_BYTES = 100_000_000
MAX_COMPOSITES = 3_000_000  # three per tensor
MAX_VALUES = 10_000_000


def parse_json(source: Source, offset: int, length: int) -> Any:
    """The JSON value in `length` bytes at `offset`.

    Raises:
        ValueError: If it is none, has a key twice, or is beyond the bounds; the text says which.
        CheckpointError: If the bytes lie outside the file.
    """
    if length > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    raw = source.bytes(offset, length)
    if raw.count(b"[") + raw.count(b"{") > MAX_COMPOSITES or raw.count(b",") > MAX_VALUES:
        raise ValueError("it has more values than any model")
    try:
        return json.loads(
            str(raw, "utf-8"), object_pairs_hook=_build_unique_dict, parse_constant=_refuse_constant
        )
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _build_unique_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        visited_names: set[str] = set()
        for name, _ in pairs:
            if name in visited_names:
                raise ValueError(f"the name {name[:200]} stands twice")
            visited_names.add(name)
    return result


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
