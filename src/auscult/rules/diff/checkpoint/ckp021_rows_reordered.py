"""The rows of a tensor are in another order.

**What it finds.** Tensors that hold the other side's rows (or its slices along another axis), each once
and unchanged, in another order: a position table that counts backwards or from another start, a table of
sines and cosines that are interleaved on one side and in halves on the other, a kernel that is reversed
in time, a layer whose blocks of channels changed places.

**What you hear.** Garbled or misplaced words; a voice of another speaker; where positions are wrong,
speech that falls apart over time.

**Why it happens.** A table is computed anew with another convention; a vocabulary was sorted; symbols
are numbered from another start.

**Blind spots.** A whole layer whose channels are in another order, with the next layer to match,
computes the same; this rule does not look at that.

**How it is measured.** Every slice equals one of the other side bit for bit, in the narrower of the two
number formats, and no two of them the same one. At least 4 slices of 4 values. No other threshold.

**Example.** Sines and cosines are interleaved in one code, and in halves in the other:

    table = np.stack([sin, cos], -1).reshape(length, width)  # interleaved
    table = np.concatenate([sin, cos], -1)  # halves

**Fix.** Take the table in the order that the code counts in. Safety: guess.

**References.** Vaswani et al. 2017, 3.5; tensor2tensor's and fairseq's sinusoids.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.operations import find_caused_places
from auscult.rules.diff.evidence.row_order import find_slice_order
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "CKP021"
NAME = "rows-reordered"
REQUIRES = DiffSubject
PRECEDENCE = 51
MAX_LISTED_PLACES = 20
"""Places that the evidence lists. Chosen, not measured."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    if subject.compares_shapes:
        return
    for place in find_caused_places(subject, NAME):
        yield replace(place, evidence=_describe_ops(subject, place))
    for match in items.unequal_matches:
        if match.cause is not None or len(match.a) != 1 or len(match.b) != 1:
            continue
        reference, candidate = subject.reference[match.a[0]], subject.candidate[match.b[0]]
        if reference.shape != candidate.shape:
            continue
        order = find_slice_order(candidate.values(), reference.values())
        if order is not None:
            evidence = {"axis": order.axis, "order": order.describe(), "of": len(order.order)}
            yield ClaimedPlace(match.b, match, evidence)


def _describe_ops(subject: DiffSubject, place: ClaimedPlace) -> dict[str, Any]:
    """The axis and the order of slices that content alignment found."""
    assert place.match is not None
    op = place.match.ops[0]
    axis = int(getattr(op, "axis", 0))
    order = {"flip": "reversed", "interleave": "interleaved", "deinterleave": "in parts"}
    return {
        "axis": axis,
        "order": order.get(op.op, "in another order of blocks"),
        "of": subject.reference[place.match.a[0]].shape[axis],
    }


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    first = places[0].evidence
    noun = "rows" if first["axis"] == 0 else f"slices along axis {first['axis']}"
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(name for place in places for name in place.where),
        f"{format_count(len(places), 'tensor')} of the {subject.noun('candidate')} with the {subject.noun('reference')}'s values in"
        f" another order: all {first['of']:,} {noun} are there, {first['order']}",
        evidence={"orders": [dict(place.evidence) for place in places[:MAX_LISTED_PLACES]]},
        fix=Fix("guess", "take the table in the order that the code counts in"),
        rank=13,
    )
