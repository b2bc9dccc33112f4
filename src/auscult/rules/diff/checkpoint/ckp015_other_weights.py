"""The values are of another training.

**What it finds.** Tensors of the same name and shape whose values differ, with no operation that makes them equal and no
sign of damage: another run, another epoch, a fine-tuned copy, another speaker's model.

**What you hear.** Another voice or another quality, but a working model, if all of it is of one training. A mixture of
two trainings is noise.

**Why it happens.** `best` and `last`, generator and EMA, two releases under one name; a merge that took some tensors from
elsewhere.

**Blind spots.** Two runs of one recipe and an unrelated model of the same shapes look alike where the correlation is near
0.

**How it is measured.** What is left after all other rules. Correlation of the values: near 1 is a fine-tuned or later
copy, near 0 another run. The median over the tensors is given. No threshold.

**Fix.** Take the other file. Safety: not repairable.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.damage import select_measured_pairs
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.rules.wording import format_count

CODE = "CKP015"
NAME = "other-weights"
REQUIRES = DiffSubject
PRECEDENCE = 800
RELATED_CORRELATION = 0.5
"""Median correlation above which the two are called related; only the wording depends on it."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    pair_by_match = {
        id(pair.match): pair for pair in select_measured_pairs(subject, items.unequal_matches)
    }
    for match in items.unequal_matches:
        pair = pair_by_match.get(id(match))
        if pair:
            evidence = {
                "correlation": pair.difference.correlation,
                "ratio": pair.difference.ratio,
                "change": match.error,
            }
        else:
            evidence = {}
        yield ClaimedPlace(match.a, match, evidence)


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    weights = [
        claimed_place
        for claimed_place in places
        if claimed_place.match is not None
        and "correlation" in claimed_place.evidence
        and len(subject.b[claimed_place.match.b[0]].shape) > 1
    ]
    median = float(
        np.median(
            [
                place.evidence["correlation"]
                for place in weights or places
                if "correlation" in place.evidence
            ]
            or [0]
        )
    )
    is_related, pairs = median > RELATED_CORRELATION, len(subject.alignment.matches)
    changes = [
        claimed_place.evidence["change"]
        for claimed_place in weights or places
        if "change" in claimed_place.evidence
    ]
    change = float(np.median(changes)) if changes else 1.0
    if len(places) * 2 <= pairs:
        origin_text = "the rest agrees, so a part was trained further or taken from elsewhere"
    elif is_related:
        origin_text = f"a fine-tuned, later or averaged (EMA) copy of the same training, its weights changed by {change:.2g} of their size"
    else:
        origin_text = "another training of the same architecture, or another seed; a mixture of the two is noise"
    text = f"other values in {format_count(len(places), 'tensor')} of {pairs} pairs (median correlation {median:.2f}): {origin_text}"
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        text,
        confidence=0.9,
        evidence={
            "median_correlation": round(median, 4),
            "median_change": float(f"{change:.4g}"),
            "pairs": pairs,
            "related": is_related,
        },
        fix=Fix(
            "guess",
            "take the file that was meant; if both are meant, nothing is broken: this is what training changed",
        ),
        rank=60,
    )
