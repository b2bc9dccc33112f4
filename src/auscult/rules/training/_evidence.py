"""What several rules of training ask: which books are lost, which gains are wrong, which terms hear levels alone."""

from __future__ import annotations

from auscult.preflight_checks.records import Book, Measured, PartGain, TermMeasure

MIN_LOST = 0.5
"""Share of a book's codes that no latent can be nearest to."""
MAX_SILENT_PERPLEXITY = 1.5
"""Perplexity of a book that has, in effect, one code."""
MIN_POSSIBLE = 8
MAX_GAIN, MIN_GAIN = 1.5, 1 / 1.5
"""A gradient further from what it should be is wrong; rounding and noise gave 0.99 to 1.01."""
MIN_COSINE = 0.7
"""Below this the gradient has another direction (rotation trick), and a factor says nothing."""
NO_GAIN = 0.01
MAX_LEVEL_SHARE = 0.05
"""Of a term's reaction to silence and half level, for what keeps the level: below it hears levels alone."""


def lost(book: Book) -> bool:
    """Whether most of its codes are out of reach at the end."""
    return bool(book.unreachable) and book.unreachable[-1] >= MIN_LOST


def silent(book: Book) -> bool:
    """Whether it has one code in use, to the end."""
    tail = book.perplexity[-max(1, len(book.perplexity) // 4) :]
    return min(book.size, book.vectors) >= MIN_POSSIBLE and max(tail) < MAX_SILENT_PERPLEXITY


def collapsed(measured: Measured) -> tuple[Book, ...]:
    """The books that have collapsed, where at least half of all have: out of reach, or one code where reach is not known."""
    books = [
        book for book in measured.books if lost(book) or (silent(book) and not book.unreachable)
    ]
    return tuple(books) if books and 2 * len(books) >= len(measured.books) else ()


def wrong_gains(measured: Measured) -> tuple[PartGain, ...]:
    """Gradients that come with another size than they should, not those that do not come at all."""
    return tuple(
        gain
        for gain in measured.gains
        if gain.cosine >= MIN_COSINE
        and gain.factor > NO_GAIN
        and not MIN_GAIN <= gain.factor <= MAX_GAIN
    )


def cut_gains(measured: Measured) -> tuple[PartGain, ...]:
    """Places through which no gradient comes."""
    return tuple(
        gain for gain in measured.gains if abs(gain.factor) <= NO_GAIN and gain.cosine in (0.0, 1.0)
    )


def rises(term: TermMeasure) -> dict[str, float]:
    """By how much a term differs from its value for a perfect output, per kind of output."""
    best = term.reactions.get("target", 0.0)
    return {kind: abs(value - best) for kind, value in term.reactions.items() if kind != "target"}


def hears_level_only(term: TermMeasure) -> bool:
    """Whether a term reacts to the overall level and to nothing else."""
    rise = rises(term)
    loud = max(rise.get("half", 0.0), rise.get("silence", 0.0))
    rest = max(
        (rise.get(kind, 0.0) for kind in ("mirrored", "noise", "shifted", "other")), default=0.0
    )
    return loud > 0 and rest < MAX_LEVEL_SHARE * loud
