"""Weight norm's g and v are stored under each other's names.

**What it finds.** A g that stands where v is expected, and the reverse: `original0` is g,
`original1` is v.

**What you hear.** An error from a careful loader; noise from one that broadcasts.

**Why it happens.** The new parametrisation's names do not say which is which, and a loader guessed.

**Blind spots.** Where both have the same shape (kernel 1, one input channel) only values can tell.

**How it is measured.** By values where they are equal across the names; else by shapes: g has one
axis longer than 1, v has more. No threshold.

**Example.** A loader guesses which of the two parametrisation tensors is which:

    g, v = state["...original1"], state["...original0"]  # wrong
    g, v = state["...original0"], state["...original1"]  # right

**Fix.** Exchange the names. Safety: safe.

**References.** torch.nn.utils.parametrizations.weight_norm: `original0` is g.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.align.naming import find_weight_norm_pair, get_fused_name
from auscult.align.records import Match
from auscult.finding import Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.operations import (
    find_caused_places,
    make_check,
    make_constant_severity,
)
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "LAY009"
NAME = "weight-norm-swapped"
REQUIRES = DiffSubject
PRECEDENCE = 24
DIVERGES = True


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    crossed_places = list(_find_crossed_pairs(subject, items))
    yield from crossed_places
    stems = {get_fused_name(place.where) for place in crossed_places}
    half_names = [
        name
        for name in (*items.surplus, *items.missing)
        if find_weight_norm_pair(name) and get_fused_name((name,)) in stems
    ]
    yield from (ClaimedPlace((name,)) for name in dict.fromkeys(half_names))


def _find_crossed_pairs(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    aligned_places = find_caused_places(subject, NAME)
    claimed_matches = {id(place.match) for place in aligned_places}
    yield from aligned_places
    for match in subject.alignment.matches:
        if match.a == match.b:
            continue
        if id(match) not in claimed_matches and len(match.a) == len(match.b) == 1:
            roles = {is_gain(match.a[0]), is_gain(match.b[0])}
            # a fused weight that v equals is no exchange: it has no role
            if roles == {True, False} and get_fused_name(match.a) == get_fused_name(match.b):
                yield ClaimedPlace(match.b, match)
    for match in items.unequal_matches:
        if id(match) not in claimed_matches and _has_exchanged_shapes(subject, match):
            yield ClaimedPlace(match.b, match)


def is_gain(name: str) -> bool | None:
    """Whether a name says that the tensor is g; None where it is no weight-norm name."""
    pair = find_weight_norm_pair(name)
    if pair is None:
        return None
    return pair.names[0] == name


def _has_exchanged_shapes(subject: DiffSubject, match: Match) -> bool:
    """Whether a pair of one name has the shape of g on one side and of v on the other."""
    pair = find_weight_norm_pair(match.b[0])
    if pair is None or match.a != match.b:
        return False
    reference, candidate = subject.reference, subject.candidate
    if any(name not in reference or name not in candidate for name in pair.names):
        return False
    gain, direction = pair.names
    return (
        candidate[gain].shape == reference[direction].shape
        and candidate[direction].shape == reference[gain].shape
    )


check = make_check(
    CODE,
    NAME,
    "weight norm's g and v stand under each other's names (original0 is g)",
    severity=make_constant_severity(Severity.ERROR),
    rank=8,
    summary="exchange the names of g and v",
)
