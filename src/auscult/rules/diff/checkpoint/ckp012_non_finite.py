"""One side has NaN or Inf where the other has numbers.

**What it finds.** Tensors that hold NaN or infinite values on one side only.

**What you hear.** Silence or a click, then silence: one NaN spreads over the whole output; players
render NaN as zeros.

**Why it happens.** A cast to float16 overflowed (values above 65,504), a training run diverged,
bytes were damaged.

**Blind spots.** Values that overflow only while computing are not in the weights.

**How it is measured.** Count of non-finite values on each side. No threshold.

**Example.** A weight of 70,000 was cast to float16, whose largest value is 65,504:

    CKP012 error  non-finite: NaN or Inf on the candidate's side in 1 tensor

**Fix.** Take the tensor from the healthy side. Safety: safe if that side is the original.

**References.** IEEE 754.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.damage import select_measured_pairs
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject, Role

CODE = "CKP012"
NAME = "non-finite"
REQUIRES = DiffSubject
PRECEDENCE = 50


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    aligned_matches = items.caused_by(NAME)
    for match in aligned_matches:
        yield ClaimedPlace(match.b, match, {"side": "candidate", **match.evidence})
    for pair in select_measured_pairs(
        subject, [match for match in items.unequal_matches if match.cause is None]
    ):
        difference = pair.difference
        counts: dict[Role, int] = {
            "candidate": difference.nonfinite_candidate,
            "reference": difference.nonfinite_reference,
        }
        bad_sides = [role for role, count in counts.items() if count]
        if len(bad_sides) == 1:
            yield ClaimedPlace(
                pair.match.b,
                pair.match,
                {
                    "side": bad_sides[0],
                    "values": counts[bad_sides[0]],
                    "of": difference.size,
                },
            )


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    values = sum(int(place.evidence.get("values", 0)) for place in places)
    sides = sorted({subject.noun(place.evidence["side"]) for place in places})
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"NaN or Inf on the {' and the '.join(sides)}'s side in {format_count(len(names), 'tensor')}",
        evidence={"values": values, "sides": sides},
        rank=7,
    )
