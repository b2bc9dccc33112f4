"""Places in few words."""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import fold_names

MAX_PATTERNS = 3


def format_places(places: Iterable[str], max_patterns: int | None = MAX_PATTERNS) -> str:
    """The places, names that differ in their numbers folded, no more than `limit` patterns."""
    folded_names = fold_names(places)
    if not folded_names:
        return "(whole)"
    shown_folds = folded_names[:max_patterns]
    text = ", ".join(folded_name.pattern for folded_name in shown_folds)
    remaining_count = sum(folded_name.size for folded_name in folded_names[len(shown_folds) :])
    if remaining_count:
        return f"{text} +{remaining_count} more"
    return text


def quote_word(word: str) -> str:
    """The word as a shell takes it."""
    import shlex

    return shlex.quote(word)
