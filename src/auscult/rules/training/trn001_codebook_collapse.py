"""Few codes of the codebooks are in use, and the others cannot come back.

**What it finds.** Residual or single vector quantizers in which at least half of the books use one
code, or have most of their codes out of reach.

**What you hear.** Hum, noise or a mumble whatever goes in: a book with one code in use carries no
bits. The losses look healthy (the commitment is easy to meet) and fall, while the output only gets
quieter.

**Why it happens.** With exponential averages: counts that start at zero over sums that do not, so
that the first update divides by nearly nothing and throws each unused code far away; codes that
start far from the latents; no replacement of codes that nothing uses. With gradients: codes of
another scale than the latents.

**Example.** Wrong and right:

```python
cluster_size = torch.zeros(codes)  # wrong: the first update divides by nearly nothing
cluster_size = torch.ones(codes)   # right, with embed_avg = embed.clone()
```

**Blind spots.** Collapse that needs thousands of steps. Latents that hardly vary yet, as at the
start of an untrained encoder, use few codes too: where the codes are in reach, that is no finding.

**How it is measured.** The choice of codes (argmin, argmax, min or max over the codebook) is caught
in each of a few dozen steps. A code is out of reach if it is longer than twice the longest latent
plus the shortest code. Reported where that holds for at least 50 % of the codes at the end
(`MIN_UNREACHABLE_SHARE`), or, where latents and codes are of different dimensions, where the
perplexity of the last quarter of the steps is below 1.5 (`MAX_SILENT_PERPLEXITY`); in half of the
books or more. A book with one code to the end beside others with several is a warning. In a log: a
perplexity below 1.05 (`MAX_LOGGED_PERPLEXITY`) in its last quarter. In the design of
devasphn/NewProject at 1c72334 the books used [8, 2, 1, 1, 1, 1, 1, 1] codes in step 2.

**Fix.** Start the counts at 1 and the sums at the codebook; initialise the codes from the first
batch (k-means or vectors of it); replace codes that nothing uses by vectors of the batch. Safety:
safe.

**References.** van den Oord et al., Neural Discrete Representation Learning (arXiv 1711.00937),
appendix A.1 (the averages); Zeghidour et al., SoundStream (arXiv 2107.03312), section III-C
(k-means start, replacement).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count, summarise_names
from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.log_series import LogSeries
from auscult.preflight_checks.records import BookHistory
from auscult.rules.training._evidence import (
    MAX_SILENT_PERPLEXITY,
    find_collapsed_books,
    find_silent_books,
    is_lost,
)
from auscult.rules.training._log_evidence import PERPLEXITY_NAME
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN001"
NAME = "codebook-collapse"
REQUIRES = PreflightSubject
MAX_LOGGED_PERPLEXITY = 1.05
"""Perplexity in a log below which one code is in use; a language model that knows its text by heart
comes near 1 too, and stays above. Chosen, not measured.
"""
MIN_EXPLODED_RATIO = 100.0
"""A longest code that is so many times as long as the longest latent was thrown there by a
division.

Chosen, not measured.
"""
MIN_LATENT_LENGTH = 1e-12
"""A least length, so that latents of zero divide nothing. Chosen, not measured."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    yield from _check_log(subject.measured.log)
    books = find_collapsed_books(subject.measured)
    severity = _judge_severity(books, assumed=subject.measured.assumed)
    if not books:
        books, severity = find_silent_books(subject.measured), Severity.WARNING
    if not books:
        return
    used_counts = [book.used[-1] for book in books]
    yield Finding(
        CODE,
        NAME,
        severity,
        tuple(book.name for book in books),
        f"{format_count(len(books), 'book')} of {len(subject.measured.books)} collapsed: "
        f"{_format_range(used_counts)} of {books[0].size} codes in use"
        f" after {len(books[0].used)} steps{_describe_reason(books)}",
        evidence={
            "used_first": [book.used[0] for book in books],
            "used_last": used_counts,
            "perplexity_last": [round(book.perplexity[-1], 2) for book in books],
            "unreachable_last": [
                round(book.unreachable[-1], 3) for book in books if book.unreachable
            ],
            "longest_code": [float(f"{max(book.longest):.4g}") for book in books],
        },
        fix=Fix(
            "safe",
            "start the averages even, or the codes from the first batch, and replace codes that "
            "nothing uses",
            code="cluster_size = torch.ones(codes); embed_avg = embed.clone()",
        ),
        rank=10,
    )


def _check_log(log: Iterable[LogSeries]) -> Iterable[Finding]:
    """Books whose perplexity a log gives, and which have one code to the end."""
    collapsed = [
        series
        for series in log
        if PERPLEXITY_NAME.search(series.name)
        and max(series.values[-max(2, len(series.values) // 4) :]) < MAX_LOGGED_PERPLEXITY
    ]
    if not collapsed:
        return
    names = tuple(series.name for series in collapsed)
    last_values = [series.values[-1] for series in collapsed]
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"the perplexity in {summarise_names(names)} is {max(last_values):.4f} at most at the end of the"
        f" log ({collapsed[0].points[-1]}): one code is in use",
        confidence=0.95,
        evidence=dict(zip(names, last_values, strict=True)),
        fix=Fix("safe", "initialise the codes from a batch, and replace codes that nothing uses"),
        rank=10,
    )


def _describe_reason(books: tuple[BookHistory, ...]) -> str:
    """Why the codes cannot come back, where it was seen."""
    thrown_books = [book for book in books if _is_thrown(book)]
    if thrown_books:
        step = min(_find_thrown_step(book) for book in thrown_books)
        longest_code = max(max(book.longest) for book in thrown_books)
        return (
            f"; unused codes were thrown out of reach in step {step} (length {longest_code:.3g},"
            f" latents {thrown_books[0].latent_length[-1]:.3g}): the counts of the average start "
            "at zero, its sums do not"
        )
    if any(book.unreachable for book in books):
        share = max(book.unreachable[-1] for book in books if book.unreachable)
        return (
            f"; up to {share:.0%} of the codes are too far from the latents to be chosen, and "
            "nothing brings them back"
        )
    return ""


def _judge_severity(books: tuple[BookHistory, ...], *, assumed: bool) -> Severity:
    """What fell to one code under a loss that is not the user's own says little of the user's
    training.
    """
    if any(is_lost(book) or _is_silent_at_once(book) for book in books):
        return Severity.ERROR
    if assumed:
        return Severity.INFO
    return Severity.WARNING


def _is_silent_at_once(book: BookHistory) -> bool:
    """One code from the first steps on: what fell so in two dozen steps may rise again."""
    return max(book.perplexity[:3]) < MAX_SILENT_PERPLEXITY


def _format_range(values: list[int]) -> str:
    if min(values) == max(values):
        return f"{min(values)}"
    return f"{min(values)} to {max(values)}"


def _is_thrown(book: BookHistory) -> bool:
    return any(
        length > MIN_EXPLODED_RATIO * max(latent, MIN_LATENT_LENGTH)
        for length, latent in zip(book.longest[:3], book.latent_length[:3], strict=False)
    ) and (len(book.longest) > 1 and book.unreachable[-1] > 0)


def _find_thrown_step(book: BookHistory) -> int:
    pairs = zip(book.longest, book.latent_length, strict=False)
    return next(
        (n + 1 for n, (length, latent) in enumerate(pairs) if length > MIN_EXPLODED_RATIO * latent),
        1,
    )
