"""One side has NaN or Inf where the other has numbers.

**What it finds.** Tensors that hold NaN or infinite values on one side only.

**What you hear.** Silence or a click, then silence: one NaN spreads over the whole output; players render NaN as zeros.

**Why it happens.** A cast to float16 overflowed (values above 65,504), a training run diverged, bytes were damaged.

**Blind spots.** Values that overflow only while computing are not in the weights.

**How it is measured.** Count of non-finite values on each side. No threshold.

**Fix.** Take the tensor from the healthy side. Safety: safe if that side is the original.

**References.** IEEE 754.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.damage import same_shape, side_name
from auscult.rules.diff.subject import DiffSubject, Place
from auscult.rules.wording import counted

CODE = "CKP012"
NAME = "non-finite"
REQUIRES = DiffSubject
PRECEDENCE = 50


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[Place]:
    given = items.caused_by(NAME)
    for match in given:
        yield Place(match.a, match, {"side": "a", **match.evidence})
    for pair in same_shape(subject, [match for match in items.different if match.cause is None]):
        found = pair.difference
        if (found.nonfinite_a > 0) != (found.nonfinite_b > 0):
            side = "a" if found.nonfinite_a else "b"
            yield Place(
                pair.match.a,
                pair.match,
                {"side": side, "values": found.nonfinite_a or found.nonfinite_b, "of": found.size},
            )


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    values = sum(int(place.evidence.get("values", 0)) for place in places)
    sides = sorted({side_name(place.evidence["side"], subject) for place in places})
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"NaN or Inf on the {' and the '.join(sides)}'s side in {counted(len(names), 'tensor')}",
        evidence={"values": values, "sides": sides},
        rank=7,
    )
