"""The end of a file, or of a tensor, is missing.

**What it finds.** Tensors of the candidate whose values agree with the reference up to a point and
are zero from there on; and files whose header promises more bytes than there are (reported when the
file is opened).

**What you hear.** Noise, or silence after the layer that is cut off.

**Why it happens.** An interrupted download or a full disk; Git LFS pointers; a resumed copy that
left a hole.

**Blind spots.** A tensor that really ends in zeros on one side.

**How it is measured.** From the first difference to the last value, all values of the candidate are
zero, and there is more than one of them. No threshold.

**Example.** A download stopped, and the rest of a tensor is zero:

    CKP010 error  truncated: 1 tensor of the candidate cut off: zero from value 1120 of 2240 on

**Fix.** Fetch the file again and compare its size. Safety: not repairable.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.errors import CheckpointError
from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.damage import select_measured_pairs
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "CKP010"
NAME = "truncated"
REQUIRES = DiffSubject
PRECEDENCE = 52
MAX_LISTED_PLACES = 20
"""Places that the evidence lists. Chosen, not measured."""
_TRUNCATION_PHRASES = (
    "points outside the file",
    "truncated",
    "cut off",
    "ends before",
    "comes last in the file",
    "header longer than it can be",
)
"""What readers say of a file that is shorter than its header."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    for match in items.caused_by(NAME):
        yield ClaimedPlace(match.b, match, match.evidence)
    for pair in select_measured_pairs(
        subject, [match for match in items.unequal_matches if match.cause is None]
    ):
        difference = pair.difference
        if difference.tail_zero and difference.first > 0 and difference.size - difference.first > 1:
            yield ClaimedPlace(
                pair.match.b, pair.match, {"from": difference.first, "of": difference.size}
            )


def finding_from_error(error: CheckpointError) -> Finding | None:
    """A finding for a file that ends before its header says it does; None if the error says something else."""
    if not any(phrase in error.what for phrase in _TRUNCATION_PHRASES):
        return None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (str(error.where),),
        f"the file is cut off: {error}",
        evidence={"expected": str(error.expected), "found": str(error.found)},
        rank=5,
    )


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    first_place = places[0]
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{format_count(len(names), 'tensor')} of the {subject.noun('candidate')} cut off: zero from value {first_place.evidence.get('from', '?')} of"
        f" {first_place.evidence.get('of', '?')} on",
        evidence={"cut": [dict(place.evidence) for place in places[:MAX_LISTED_PLACES]]},
        rank=5,
    )
