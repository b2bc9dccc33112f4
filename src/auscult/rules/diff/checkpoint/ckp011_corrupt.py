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
from auscult.rules.diff.evidence.damage import same_shape
from auscult.rules.diff.subject import DiffSubject, Place
from auscult.rules.wording import counted

CODE = "CKP011"
NAME = "corrupt"
REQUIRES = DiffSubject
PRECEDENCE = 53
MIN_EQUAL_SHARE = 0.5


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[Place]:
    for match in items.caused_by(NAME):
        yield Place(match.a, match, match.evidence)
    for pair in same_shape(subject, [match for match in items.different if match.cause is None]):
        found = pair.difference
        if found.size > 1 and MIN_EQUAL_SHARE <= found.equal_share < 1:
            damaged = round((1 - found.equal_share) * found.size)
            yield Place(
                pair.match.a,
                pair.match,
                {"values": damaged, "of": found.size, "first": found.first, "last": found.last},
            )


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    first = places[0].evidence
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{counted(len(names), 'tensor')} damaged in part: {first.get('values', '?')} of {first.get('of', '?')} values"
        f" differ, from {first.get('first', '?')} to {first.get('last', '?')}",
        evidence={"damage": [dict(place.evidence) for place in places[:20]]},
        rank=5,
    )
