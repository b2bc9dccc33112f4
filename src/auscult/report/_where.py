"""Places in few words."""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import fold

MAX_PATTERNS = 3


def where_text(where: Iterable[str], limit: int | None = MAX_PATTERNS) -> str:
    """The places, names that differ in their numbers folded, no more than `limit` patterns."""
    folds = fold(where)
    if not folds:
        return "(whole)"
    shown = folds[:limit]
    text = ", ".join(part.pattern for part in shown)
    rest = sum(part.size for part in folds[len(shown) :])
    return f"{text} +{rest} more" if rest else text
