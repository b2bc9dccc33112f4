"""Weight norm's g and v are stored under each other's names.

**What it finds.** A g that stands where v is expected, and the reverse: `original0` is g, `original1` is v.

**What you hear.** An error from a careful loader; noise from one that broadcasts.

**Why it happens.** The new parametrisation's names do not say which is which, and a loader guessed.

**Blind spots.** Where both have the same shape (kernel 1, one input channel) only values can tell.

**How it is measured.** By values where they are equal across the names; else by shapes: g has one axis longer than 1, v
has more. No threshold.

**Fix.** Exchange the names. Safety: safe.

**References.** torch.nn.utils.parametrizations.weight_norm: `original0` is g.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.align.naming import stem_of, weight_norm_pair
from auscult.align.records import Match
from auscult.finding import Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.operations import always, places_of, reported
from auscult.rules.diff.subject import DiffSubject, Place

CODE = "LAY009"
NAME = "weight-norm-swapped"
REQUIRES = DiffSubject
PRECEDENCE = 24
DIVERGES = True


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[Place]:
    found = list(_crossed(subject, items))
    yield from found
    stems = {stem_of(place.where) for place in found}
    halves = [
        name
        for name in (*items.surplus, *items.absent)
        if weight_norm_pair(name) and stem_of((name,)) in stems
    ]
    yield from (Place((name,)) for name in dict.fromkeys(halves))


def _crossed(subject: DiffSubject, items: OpenItems) -> Iterable[Place]:
    given = places_of(subject, NAME)
    taken = {id(place.match) for place in given}
    yield from given
    for match in subject.alignment.matches:
        if id(match) not in taken and len(match.a) == len(match.b) == 1:
            crossed = is_gain(match.a[0]) != is_gain(match.b[0]) and stem_of(match.a) == stem_of(
                match.b
            )
            if crossed and match.a != match.b:
                yield Place(match.a, match)
    for match in items.different:
        if id(match) not in taken and _shapes_exchanged(subject, match):
            yield Place(match.a, match)


def is_gain(name: str) -> bool | None:
    """Whether a name says that the tensor is g; None where it is no weight-norm name."""
    pair = weight_norm_pair(name)
    return None if pair is None else pair.names[0] == name


def _shapes_exchanged(subject: DiffSubject, match: Match) -> bool:
    """Whether a pair of one name has the shape of g on one side and of v on the other."""
    pair = weight_norm_pair(match.a[0])
    if (
        pair is None
        or match.a != match.b
        or any(name not in subject.a or name not in subject.b for name in pair.names)
    ):
        return False
    g, v = pair.names
    return subject.a[g].shape == subject.b[v].shape and subject.a[v].shape == subject.b[g].shape


check = reported(
    CODE,
    NAME,
    "weight norm's g and v stand under each other's names (original0 is g)",
    severity=always(Severity.ERROR),
    rank=8,
    summary="exchange the names of g and v",
)
