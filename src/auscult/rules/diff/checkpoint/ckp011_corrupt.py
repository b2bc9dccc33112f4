"""Part of a tensor's values is damaged.

**What it finds.** Tensors of which most values agree with the other side bit for bit and some do
not.

**What you hear.** It depends on where the damage lies and on how large the values are: nothing,
clicks, bursts of noise, or silence after a NaN.

**Why it happens.** A bad disk or memory, a transfer that was not checked, an edit in a hex editor.

**Blind spots.** A tensor in which training changed only some rows (an embedding of which only some
symbols occur) looks the same; the evidence gives the run of values concerned.

**How it is measured.** At least half of the values are equal, and at least one is not. The first
and the last position are given.

**Example.** Sixteen values of a convolution were overwritten:

    CKP011 error  corrupt: 1 tensor of the candidate damaged in part: 16 of 2240 values differ, from
    1032 to 1047

**Fix.** Take the tensor from the healthy side. Safety: not repairable from this file.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.damage import select_measured_pairs
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "CKP011"
NAME = "corrupt"
REQUIRES = DiffSubject
PRECEDENCE = 53
MIN_EQUAL_SHARE = 0.5
"""Share of a tensor's values that has to be equal; below it the tensor is another one. Chosen, not measured."""
MAX_LISTED_PLACES = 20
"""Places whose damage the evidence describes. Chosen, not measured."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    for match in items.caused_by(NAME):
        yield ClaimedPlace(match.b, match, match.evidence)
    for pair in select_measured_pairs(
        subject, [match for match in items.unequal_matches if match.cause is None]
    ):
        difference = pair.difference
        if difference.size > 1 and MIN_EQUAL_SHARE <= difference.equal_share < 1:
            damaged_count = round((1 - difference.equal_share) * difference.size)
            yield ClaimedPlace(
                pair.match.b,
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
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{format_count(len(names), 'tensor')} of the {subject.noun('candidate')} damaged in part: {_describe_damage(places[0])}",
        evidence={"damage": [dict(place.evidence) for place in places[:MAX_LISTED_PLACES]]},
        rank=5,
    )


def _describe_damage(place: ClaimedPlace) -> str:
    values, size, first, last = (
        place.evidence.get(key, "?") for key in ("values", "of", "first", "last")
    )
    return f"{values} of {size} values differ, from {first} to {last}"
