"""Part of a tensor's values is damaged.

**What it finds.** Tensors of which most values agree with the other side bit for bit and some do
not; and rows that are zero (or hold one value each) on one side only, whatever the number formats
of the two.

**What you hear.** It depends on where the damage lies and on how large the values are: nothing,
clicks, bursts of noise, or silence after a NaN. With blank rows in an embedding, words are left out.

**Why it happens.** A bad disk or memory, a transfer that was not checked, an edit in a hex editor; a
converter that stopped part-way through a tensor.

**Blind spots.** A tensor in which training changed only some rows (an embedding of which only some
symbols occur) looks the same; the evidence gives the run of values concerned. Rows that were
pruned on purpose look like blank ones.

**How it is measured.** At least half of the values are equal, and at least one is not. The first
and the last position are given. Or: rows (or slices along another axis) of one value each on one
side, where the other side's vary, and a correlation of 0.9 or more over the rest
(`auscult.rules.diff.evidence.blank_slices`).

**Example.** Sixteen values of a convolution were overwritten:

    CKP011 error  corrupt: 1 tensor of the candidate damaged in part: 16 of 2240 values differ, from
    1032 to 1047

**Fix.** Take the tensor from the healthy side. Safety: not repairable from this file.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.blank_slices import BlankSlices
from auscult.rules.diff.evidence.damage import is_mostly_equal, select_measured_pairs
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "CKP011"
NAME = "corrupt"
REQUIRES = DiffSubject
PRECEDENCE = 53
MIN_EQUAL_SHARE = 0.5
"""Share of a tensor's values that has to be equal, and of the tensors; below it the two are different. Chosen, not measured."""
MIN_BLANK_SLICES = 16
"""Blank rows that are damage even where most tensors differ: a fine-tune may write a row or two that was zero. Chosen, not measured."""
MAX_LISTED_PLACES = 20
"""Places whose damage the evidence describes. Chosen, not measured."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    for match in items.caused_by(NAME):
        yield ClaimedPlace(match.b, match, match.evidence)
    is_equal = is_mostly_equal(subject, MIN_EQUAL_SHARE)
    for pair in select_measured_pairs(
        subject, [match for match in items.unequal_matches if match.cause is None]
    ):
        difference = pair.difference
        if pair.blank is not None and (is_equal or pair.blank.count >= MIN_BLANK_SLICES):
            yield ClaimedPlace(pair.match.b, pair.match, _describe_blank(pair.blank))
        elif difference.size > 1 and MIN_EQUAL_SHARE <= difference.equal_share < 1:
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


def _describe_blank(blank: BlankSlices) -> dict[str, Any]:
    return {
        "side": blank.side,
        "blank": blank.count,
        "of": blank.of,
        "axis": blank.axis,
        "zero": blank.zero,
        "runs": [[run.start, run.stop - 1] for run in blank.runs[:MAX_LISTED_PLACES]],
        "first": blank.runs[0].start,
        "last": blank.runs[-1].stop - 1,
    }


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    sides = {subject.noun(place.evidence.get("side", "candidate")) for place in places}
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{format_count(len(names), 'tensor')} of the {' and the '.join(sorted(sides))} damaged in part:"
        f" {_describe_damage(places[0])}",
        evidence={"damage": [dict(place.evidence) for place in places[:MAX_LISTED_PLACES]]},
        rank=5,
    )


def _describe_damage(place: ClaimedPlace) -> str:
    if "blank" in place.evidence:
        return _describe_blank_rows(place.evidence)
    values, size, first, last = (
        place.evidence.get(key, "?") for key in ("values", "of", "first", "last")
    )
    return f"{values} of {size} values differ, from {first} to {last}"


def _describe_blank_rows(evidence: Mapping[str, Any]) -> str:
    noun = "rows" if evidence["axis"] == 0 else f"slices along axis {evidence['axis']}"
    look = "zero" if evidence["zero"] else "of one value each"
    first, last, count, of = (evidence[key] for key in ("first", "last", "blank", "of"))
    if len(evidence["runs"]) == 1:
        return f"{count:,} of {of:,} {noun} are {look}, {first} to {last}, and the rest agrees"
    return f"{count:,} of {of:,} {noun} are {look}, between {first} and {last}, and the rest agrees"
