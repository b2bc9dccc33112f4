"""Numbers and values as a reader wants them; the filters of the templates."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from auscult.facts.words import fold_names
from auscult.report._glossary import explain_bucket
from auscult.report.json_ import to_plain_json

MAX_PLACES = 200
MAX_JSON = 20_000
MAX_INLINE = 600
"""Characters of a nested value that are shown as running text."""


def format_figure(value: Any) -> str:
    """`1,234,567`, `0.0123`, `3.1e-07`, `yes`, `–`."""
    if value is None or isinstance(value, bool):
        return {None: "–", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e4 or value == int(value):
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.4g}"


def format_key(key: Any) -> str:
    """`mel_distance_db` as `mel distance db`."""
    return str(key).replace("_", " ")


def format_inline(value: Any) -> str:
    """Any value on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{format_key(key)}: {format_inline(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(
            f"({format_inline(item)})"
            if isinstance(item, list | tuple | Mapping)
            else format_inline(item)
            for item in value
        )
    return format_figure(value)


def is_short(value: Any) -> bool:
    """Whether a value reads well as running text: no mapping with mappings in it, and not too long."""
    items = (
        value.values()
        if isinstance(value, Mapping)
        else value
        if isinstance(value, list | tuple)
        else ()
    )
    return (
        not any(isinstance(item, Mapping) for item in items)
        and len(format_inline(value)) <= MAX_INLINE
    )


def format_json(value: Any) -> str:
    """Indented, for what has no better form; no more than `MAX_JSON` characters."""
    text = json.dumps(to_plain_json(value), indent=1, ensure_ascii=False)
    if len(text) <= MAX_JSON:
        return text
    return f"{text[:MAX_JSON]}\n… {len(text) - MAX_JSON:,} characters more in the JSON report"


def fold_patterns(names: Any, max_patterns: int = MAX_PLACES) -> list[str]:
    """Names folded by their numbers, no more than `most` patterns."""
    folded_names = [folded_name.pattern for folded_name in fold_names(names)]
    remaining_count = len(folded_names) - max_patterns
    if remaining_count > 0:
        return [*folded_names[:max_patterns], f"and {remaining_count:,} more patterns"]
    return folded_names


def format_timestamp(value: float) -> str:
    """`0:01.240`, `12:03.5`: minutes, and as many decimals as the length asks for."""
    minutes, remaining_seconds = divmod(max(0.0, value), 60.0)
    return f"{int(minutes)}:{remaining_seconds:06.3f}"


def format_duration(value: float) -> str:
    """`2.84 s`, `10:00`: a length."""
    if value < 60.0:
        return f"{value:.2f} s"
    minutes, remaining_seconds = divmod(round(value), 60)
    if minutes >= 60:
        return f"{minutes // 60}:{minutes % 60:02d}:{remaining_seconds:02d}"
    return f"{minutes}:{remaining_seconds:02d}"


def format_size(count: float) -> str:
    """`56.0 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            if unit == "bytes":
                return f"{count:.0f} {unit}"
            return f"{count:.1f} {unit}"
        count /= 1000
    return ""


FILTERS: dict[str, Callable[..., Any]] = {
    "figure": format_figure,
    "label": format_key,
    "explained": explain_bucket,
    "inline": format_inline,
    "is_short": is_short,
    "as_json": format_json,
    "seconds": format_timestamp,
    "clock": format_duration,
    "size": format_size,
}
