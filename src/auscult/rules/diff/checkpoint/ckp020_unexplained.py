"""Some tensors differ, and nothing that is known explains it.

**What it finds.** Tensors that have nothing in common with the other side's of their name, in a file
whose other tensors are equal; or whose values are of another size altogether. No training does that: it
changes all tensors that it trains, and leaves them related to what they were. Tensors that are the other
side's after a factor or an offset: a norm's gain minus 1, a sign, a scale that was applied twice.

**What you hear.** Anything from nothing to noise.

**Why it happens.** Unknown. Possible are a conversion step that this tool does not know, a tensor of
another layer, values that were rearranged in an unusual way, a part that was taken from another model.

**Blind spots.** This is what other rules left. A part that really comes from another training of the
same recipe cannot be told from a broken one by its weights.

**How it is measured.** Correlation below `MIN_RELATED_CORRELATION` = 0.5 of two tensors of one shape,
where at least half of all tensors are equal; or below it with a ratio of their rms values outside
1/`MAX_RATIO` to `MAX_RATIO` = 100: two trainings that started from other spreads differ by up to 28 on record. A biased or noisy copy of one training correlates above it: fine-tunes on record
change weights by 1 to 30 % of their size, which leaves 0.95 and more. A factor and an offset are found where
the best ones leave less than `MAX_COMPUTED_REST` = 5 % of the difference.

**Example.** A converter rearranged the weights of one layer in its own way:

    CKP020 error  unexplained: 1 tensor of the candidate has nothing in common with the reference's, and
    the rest agrees; no rule explains it

**Fix.** Compare the two at this layer with inputs: `auscult compare` says what it computes. Safety: not
repairable.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.damage import (
    MeasuredPair,
    is_mostly_equal,
    select_measured_pairs,
)
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "CKP020"
NAME = "unexplained"
REQUIRES = DiffSubject
PRECEDENCE = 790
MIN_RELATED_CORRELATION = 0.5
"""Correlation from which two tensors are of one training; see the page."""
MAX_RATIO = 100.0
"""Ratio of rms values up to which two may be of two trainings. A vocoder's upsampling, trained from N(0, 0.01), is 6 to 28 times
smaller than weights of the usual spread of 1 / sqrt(fan in)."""
MIN_EQUAL_SHARE = 0.5
"""Share of the tensors that has to be equal for the others to be odd ones out. Chosen, not measured."""
MIN_VALUES = 64
"""Values of a weight; the correlation of a smaller one says little. Chosen, not measured."""
MAX_COMPUTED_REST = 0.05
"""Share of a difference that a factor and an offset may leave, for these to be what made it. Of a fine-tune they leave nearly
all. Chosen, not measured."""
COMPUTED_CONFIDENCE = 0.9
"""That it was computed; which step of a conversion did it is open. Chosen, not measured."""
CONFIDENCE = 0.5
"""It is certain that they differ; that no training did it is likely. Chosen, not measured."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    pairs = list(select_measured_pairs(subject, items.unequal_matches))
    is_equal = is_mostly_equal(subject, MIN_EQUAL_SHARE)
    weights = [pair for pair in pairs if _is_weight(subject, pair)]
    odd = [pair for pair in weights if _is_odd(pair, among_equals=is_equal)]
    if odd and len(odd) == len(weights) and is_equal:
        odd = [pair for pair in pairs if pair.difference.correlation < MIN_RELATED_CORRELATION]
    computed = [pair for pair in pairs if _is_computed(pair)]
    for pair in odd + [pair for pair in computed if pair not in odd]:
        evidence = {
            "correlation": pair.difference.correlation,
            "ratio": pair.difference.ratio,
            "computed": _is_computed(pair),
        }
        yield ClaimedPlace(pair.match.b, pair.match, evidence)


def _is_computed(pair: MeasuredPair) -> bool:
    """Whether a factor and an offset turn the one into the other: they leave next to nothing of the difference."""
    difference = pair.difference
    rest = sqrt(max(0.0, 1.0 - difference.correlation**2))
    return difference.size >= MIN_VALUES and rest < MAX_COMPUTED_REST * pair.match.error


def _is_weight(subject: DiffSubject, pair: MeasuredPair) -> bool:
    shape = subject.reference[pair.match.a[0]].shape
    return sum(side > 1 for side in shape) > 1 and pair.difference.size >= MIN_VALUES


def _is_odd(pair: MeasuredPair, *, among_equals: bool) -> bool:
    """Whether no training turns the one into the other."""
    difference = pair.difference
    if difference.correlation >= MIN_RELATED_CORRELATION:
        return False
    return among_equals or not 1 / MAX_RATIO <= difference.ratio <= MAX_RATIO


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    unrelated = [place for place in places if not place.evidence["computed"]]
    if unrelated:
        yield _build_unrelated_finding(subject, unrelated)
    computed = [place for place in places if place.evidence["computed"]]
    if computed:
        yield _build_computed_finding(subject, computed)


def _build_computed_finding(subject: DiffSubject, places: Sequence[ClaimedPlace]) -> Finding:
    names = tuple(name for place in places for name in place.where)
    ratios = [
        float(place.evidence["ratio"]) * (-1 if place.evidence["correlation"] < 0 else 1)
        for place in places
    ]
    spread = f"{min(ratios):.4g}"
    if max(ratios) != min(ratios):
        spread += f" to {max(ratios):.4g}"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{format_count(len(names), 'tensor')} of the {subject.noun('candidate')}: a factor or an offset turns the"
        f" {subject.noun('reference')}'s values into these, which no training does (rms and sign: {spread} times the"
        f" {subject.noun('reference')}'s)",
        confidence=COMPUTED_CONFIDENCE,
        evidence={"ratios": [float(f"{ratio:.6g}") for ratio in (min(ratios), max(ratios))]},
        rank=58,
    )


def _build_unrelated_finding(subject: DiffSubject, places: Sequence[ClaimedPlace]) -> Finding:
    names = tuple(name for place in places for name in place.where)
    correlations = [float(place.evidence["correlation"]) for place in places]
    ratios = [float(place.evidence["ratio"]) for place in places]
    rest = ""
    if is_mostly_equal(subject, MIN_EQUAL_SHARE):
        rest = ", and the rest agrees"
    verb = "has" if len(names) == 1 else "have"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{format_count(len(names), 'tensor')} of the {subject.noun('candidate')} {verb} nothing in common with the"
        f" {subject.noun('reference')}'s (correlation up to {max(correlations):.2f}, {min(ratios):.2g} to {max(ratios):.2g} times"
        f" the size){rest}; no rule explains it",
        confidence=CONFIDENCE,
        evidence={
            "largest_correlation": round(max(correlations), 4),
            "ratios": [float(f"{min(ratios):.4g}"), float(f"{max(ratios):.4g}")],
        },
        rank=59,
    )
