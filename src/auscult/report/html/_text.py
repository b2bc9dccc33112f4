"""Numbers and values as a reader wants them; the filters of the templates."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from auscult.facts.words import fold
from auscult.report.json_ import plain

MAX_PLACES = 200
MAX_JSON = 20_000
MAX_INLINE = 600
"""Characters of a nested value that are shown as running text."""


def figure(value: Any) -> str:
    """`1,234,567`, `0.0123`, `3.1e-07`, `yes`, `–`."""
    if value is None or isinstance(value, bool):
        return {None: "–", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e4 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1e}" if abs(value) < 1e-3 else f"{value:.4g}"


def label(key: Any) -> str:
    """`mel_distance_db` as `mel distance db`."""
    return str(key).replace("_", " ")


def inline(value: Any) -> str:
    """Any value on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{label(key)}: {inline(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(
            f"({inline(item)})" if isinstance(item, list | tuple | Mapping) else inline(item)
            for item in value
        )
    return figure(value)


def is_short(value: Any) -> bool:
    """Whether a value reads well as running text: no mapping with mappings in it, and not too long."""
    items = (
        value.values()
        if isinstance(value, Mapping)
        else value
        if isinstance(value, list | tuple)
        else ()
    )
    return not any(isinstance(item, Mapping) for item in items) and len(inline(value)) <= MAX_INLINE


def as_json(value: Any) -> str:
    """Indented, for what has no better form; no more than `MAX_JSON` characters."""
    text = json.dumps(plain(value), indent=1, ensure_ascii=False)
    return (
        text
        if len(text) <= MAX_JSON
        else f"{text[:MAX_JSON]}\n… {len(text) - MAX_JSON:,} characters more in the JSON report"
    )


def patterns(names: Any, most: int = MAX_PLACES) -> list[str]:
    """Names folded by their numbers, no more than `most` patterns."""
    folds = [part.pattern for part in fold(names)]
    rest = len(folds) - most
    return [*folds[:most], f"and {rest:,} more patterns"] if rest > 0 else folds


def seconds(value: float) -> str:
    """`0:01.240`, `12:03.5`: minutes, and as many decimals as the length asks for."""
    minutes, left = divmod(max(0.0, value), 60.0)
    return f"{int(minutes)}:{left:06.3f}"


def clock(value: float) -> str:
    """`2.84 s`, `10:00`: a length."""
    if value < 60.0:
        return f"{value:.2f} s"
    minutes, left = divmod(round(value), 60)
    return (
        f"{minutes // 60}:{minutes % 60:02d}:{left:02d}"
        if minutes >= 60
        else f"{minutes}:{left:02d}"
    )


def size(count: float) -> str:
    """`56.0 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return ""


FILTERS: dict[str, Callable[..., Any]] = {
    "figure": figure,
    "label": label,
    "inline": inline,
    "is_short": is_short,
    "as_json": as_json,
    "seconds": seconds,
    "clock": clock,
    "size": size,
}
