"""Part of a tensor's values is damaged.

**What it finds.** Tensors of which most values agree with the other side bit for bit and some do not.

**What you hear.** From nothing to clicks, bursts of noise or NaN, by where the damage lies and how large the values are.

**Why it happens.** A bad disk or memory, a transfer that was not checked, an edit in a hex editor.

**Blind spots.** A tensor in which training changed only some rows (an embedding of which only some symbols occur) looks
the same; the evidence gives the run of values concerned.

**How it is measured.** At least half of the values equal, at least one not. First and last position are given.

**Fix.** Take the tensor from the healthy side. Safety: not repairable from this file.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.damage import select_measured_pairs
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.rules.wording import format_count

CODE = "CKP011"
NAME = "corrupt"
REQUIRES = DiffSubject
PRECEDENCE = 53
MIN_EQUAL_SHARE = 0.5


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    for match in items.caused_by(NAME):
        yield ClaimedPlace(match.a, match, match.evidence)
    for pair in select_measured_pairs(
        subject, [match for match in items.unequal_matches if match.cause is None]
    ):
        difference = pair.difference
        if difference.size > 1 and MIN_EQUAL_SHARE <= difference.equal_share < 1:
            damaged_count = round((1 - difference.equal_share) * difference.size)
            yield ClaimedPlace(
                pair.match.a,
                pair.match,
                {
                    "values": damaged_count,
                    "of": difference.size,
                    "first": difference.first,
                    "last": difference.last,
                },
            )


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    first_evidence = places[0].evidence
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{format_count(len(names), 'tensor')} damaged in part: {first_evidence.get('values', '?')} of {first_evidence.get('of', '?')} values"
        f" differ, from {first_evidence.get('first', '?')} to {first_evidence.get('last', '?')}",
        evidence={"damage": [dict(place.evidence) for place in places[:20]]},
        rank=5,
    )
