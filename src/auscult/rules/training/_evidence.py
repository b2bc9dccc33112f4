"""What several rules of training ask: which books are lost, which gains are wrong, which terms hear
levels alone.
"""

from __future__ import annotations

from auscult.preflight_checks.records import (
    BookHistory,
    PartGain,
    TermMeasure,
    TrainingMeasurements,
)

MIN_UNREACHABLE_SHARE = 0.5
"""Share of a book's codes that no latent can be nearest to. Chosen, not measured."""
MAX_SILENT_PERPLEXITY = 1.5
"""Perplexity of a book that has, in effect, one code. Chosen, not measured."""
MIN_POSSIBLE_CODES = 8
"""Books of fewer codes, or with fewer vectors, are not judged by their perplexity.

Chosen, not measured.
"""
MAX_GAIN, MIN_GAIN = 1.5, 1 / 1.5
"""Factors beyond which a gradient is wrong.

Measured on right trainers: 0.99 to 1.01; eight books with the mistake: 8.000. Margin: 1.5.
"""
MIN_COSINE = 0.7
"""Below this the gradient has another direction (rotation trick), and a factor says nothing.

Chosen, not measured.
"""
MAX_CUT_FACTOR = 0.01
"""Factor below which no gradient comes through. Chosen, not measured."""
MAX_LEVEL_SHARE = 0.05
"""Of a term's reaction to silence and half level, for what keeps the level: below it hears levels
alone.

Chosen, not measured.
"""


def is_lost(book: BookHistory) -> bool:
    """Whether most of its codes are out of reach at the end."""
    return bool(book.unreachable) and book.unreachable[-1] >= MIN_UNREACHABLE_SHARE


def is_silent(book: BookHistory) -> bool:
    """Whether it has one code in use, to the end."""
    tail = book.perplexity[-max(1, len(book.perplexity) // 4) :]
    return min(book.size, book.vectors) >= MIN_POSSIBLE_CODES and max(tail) < MAX_SILENT_PERPLEXITY


def find_collapsed_books(measured: TrainingMeasurements) -> tuple[BookHistory, ...]:
    """The books that have collapsed, where at least half of all have: out of reach, or one code
    where reach is not known.
    """
    books = [
        book
        for book in measured.books
        if is_lost(book) or (is_silent(book) and not book.unreachable)
    ]
    if books and 2 * len(books) >= len(measured.books):
        return tuple(books)
    return ()


def find_silent_books(measured: TrainingMeasurements) -> tuple[BookHistory, ...]:
    """Books with one code in use to the end, where others of the same quantizer use several."""
    silent_books = [book for book in measured.books if is_silent(book)]
    if len(silent_books) < len(measured.books):
        return tuple(silent_books)
    return ()


def find_wrong_gains(measured: TrainingMeasurements) -> tuple[PartGain, ...]:
    """Gradients that come with another size than they should, not those that do not come at all."""
    return tuple(
        gain
        for gain in measured.gains
        if gain.cosine >= MIN_COSINE
        and gain.factor > MAX_CUT_FACTOR
        and not MIN_GAIN <= gain.factor <= MAX_GAIN
    )


def find_cut_gains(measured: TrainingMeasurements) -> tuple[PartGain, ...]:
    """Places through which no gradient comes."""
    return tuple(
        gain
        for gain in measured.gains
        if abs(gain.factor) <= MAX_CUT_FACTOR and gain.cosine in (0.0, 1.0)
    )


def measure_rises(term: TermMeasure) -> dict[str, float]:
    """By how much a term differs from its value for a perfect output, per kind of output."""
    target_value = term.reactions.get("target", 0.0)
    return {
        kind: abs(value - target_value)
        for kind, value in term.reactions.items()
        if kind != "target"
    }


def is_level_only(term: TermMeasure) -> bool:
    """Whether a term reacts to the overall level and to nothing else."""
    rise_by_kind = measure_rises(term)
    level_rise = max(rise_by_kind.get("half", 0.0), rise_by_kind.get("silence", 0.0))
    content_rise = max(
        (rise_by_kind.get(kind, 0.0) for kind in ("mirrored", "noise", "shifted", "other")),
        default=0.0,
    )
    return level_rise > 0 and content_rise < MAX_LEVEL_SHARE * level_rise
