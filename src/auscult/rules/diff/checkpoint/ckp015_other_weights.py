"""The values are of another training.

**What it finds.** Tensors of the same name and shape whose values differ, with no operation that
makes them equal and no sign of damage: another run, another epoch, a fine-tuned copy, another
speaker's model.

**What you hear.** Another voice or another quality, but a working model, if all of it is of one
training. A mixture of two trainings is noise.

**Why it happens.** `best` and `last`, generator and EMA, two releases under one name; a merge that
took some tensors from elsewhere.

**Blind spots.** Two runs of one recipe and an unrelated model of the same shapes look alike where
the correlation is near 0.

**How it is measured.** What is left after all other rules; tensors without relation among equal ones are
`unexplained`. Correlation of the values: near 1 is a
fine-tuned or later copy, near 0 another run. The median over the tensors is given. No threshold.

**Example.** `best.pth` and `last.pth` of two runs were exchanged:

    CKP015 error  other-weights: the candidate has other values in 118 tensors of 118 pairs (median
    correlation 0.01): another training of the same architecture, or another seed; a mixture of the
    two is noise

**Fix.** Take the other file. Safety: not repairable.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.damage import select_measured_pairs
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "CKP015"
NAME = "other-weights"
REQUIRES = DiffSubject
PRECEDENCE = 800
RELATED_CORRELATION = 0.5
"""Median correlation above which the two are called related; only the wording depends on it. Chosen, not measured."""
CONFIDENCE = 0.9
"""Of a related copy: what is left after all other rules may have a cause that no rule knows. Chosen, not measured."""
UNRELATED_CONFIDENCE = 0.7
"""Of weights without relation: another training of one recipe, and a rearrangement that no rule knows, look alike in them.
Chosen, not measured."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    pairs = select_measured_pairs(subject, items.unequal_matches)
    evidence_by_match = {
        id(pair.match): {
            "correlation": pair.difference.correlation,
            "ratio": pair.difference.ratio,
            "change": pair.match.error,
        }
        for pair in pairs
    }
    for match in items.unequal_matches:
        yield ClaimedPlace(match.b, match, evidence_by_match.get(id(match), {}))


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    weights = [place for place in places if _is_measured_weight(subject, place)] or list(places)
    correlation = _compute_median(weights, "correlation", default=0.0)
    change = _compute_median(weights, "change", default=1.0)
    is_related, pair_count = correlation > RELATED_CORRELATION, len(subject.alignment.matches)
    if len(places) * 2 <= pair_count:
        origin_text = "the rest agrees, so a part was trained further or taken from elsewhere"
    elif is_related:
        origin_text = (
            "a fine-tuned, later or averaged (EMA) copy of the same training,"
            f" its weights changed by {change:.2g} of their size"
        )
    else:
        origin_text = (
            "another training of the same architecture, or another seed;"
            " a mixture of the two is noise"
        )
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(name for place in places for name in place.where),
        f"the {subject.noun('candidate')} has other values in {format_count(len(places), 'tensor')}"
        f" of {pair_count} pairs (median correlation {correlation:.2f}): {origin_text}",
        confidence=CONFIDENCE if is_related else UNRELATED_CONFIDENCE,
        evidence={
            "median_correlation": round(correlation, 4),
            "median_change": float(f"{change:.4g}"),
            "pairs": pair_count,
            "related": is_related,
        },
        fix=Fix(
            "guess",
            "take the file that was meant; if both are meant, nothing is broken: this is what training changed",
        ),
        rank=60,
    )


def _is_measured_weight(subject: DiffSubject, place: ClaimedPlace) -> bool:
    """Whether a place has figures and more than one axis: biases alone say little."""
    return (
        place.match is not None
        and "correlation" in place.evidence
        and len(subject.reference[place.match.a[0]].shape) > 1
    )


def _compute_median(places: Iterable[ClaimedPlace], key: str, *, default: float) -> float:
    figures = [place.evidence[key] for place in places if key in place.evidence]
    if not figures:
        return default
    return float(np.median(figures))
