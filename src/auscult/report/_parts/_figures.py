"""The standard figures of a recording against its reference, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auscult.report._style import Style

DIRECTION_TEXTS = {"higher": "higher is better", "lower": "lower is better", "zero": "0 is best"}


def iter_figure_lines(figures: Sequence[Mapping[str, Any]], style: Style) -> Iterator[str]:
    """One line a figure: name, value, unit, which way is better; those without a value last, by their reason."""
    for row in figures:
        if row["value"] is not None:
            value = f"{row['value']:.2f} {row['unit']}".rstrip()
            yield f"  {row['name'].ljust(14)} {value.rjust(14)}  {style(DIRECTION_TEXTS[row['better']], 'dim')}"
    reasons: dict[str, list[str]] = {}
    for row in figures:
        if row["value"] is None:
            reasons.setdefault(str(row["reason"]), []).append(row["name"])
    yield from (
        style(f"  {', '.join(names)}: {reason}", "dim") for reason, names in reasons.items()
    )
