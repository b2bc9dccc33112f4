"""The code has grouped convolutions where the checkpoint is fully connected, or the reverse.

**What it finds.** Convolutions whose weight has the same output channels on both sides, but n times
fewer input channels per output on one: [512, 512, 3] against [512, 128, 3] is full connectivity
against `groups=4`; [C, 1, k] is depthwise.

**What you hear.** `load_state_dict` raises (even with `strict=False`). If the caller goes on, these
layers keep their initial random weights: noise or a buzz at the hop rate.

**Why it happens.** The model code was changed after the training, or another class of the same name
was imported.

**Blind spots.** Where the shapes agree, groups agree too. A narrower layer before the convolution
shrinks the same axis: this rule leaves the pair to `width` if the biases and output axes of other
tensors changed by the same two numbers, unless the module itself says that it is grouped.

**How it is measured.** groups = larger / smaller input channels per output; both must divide
without remainder, and the output channels must be divisible by groups. No threshold. In a
transposed convolution (in, out/groups, k) the second axis is read.

**Example.** The code was changed after the training:

    nn.Conv1d(8, 8, 3, groups=4)  # wrong: weight [8, 2, 3]
    nn.Conv1d(8, 8, 3)  # right for a checkpoint with weight [8, 8, 3]

**Fix.** In the code: build the layers with the checkpoint's groups. Weights cannot be repaired.
Safety: safe.

**References.** torch.nn.Conv1d, weight (out, in/groups, k).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count, format_shape
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.shapes import (
    get_shape_pair,
    get_trained_role,
    select_by_cause,
)
from auscult.rules.diff.subject import SIDE_KEYS, ClaimedPlace, DiffSubject, Role

CODE = "ARC001"
NAME = "conv-grouped"
REQUIRES = DiffSubject
PRECEDENCE = 100


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
    for match, difference in select_by_cause(subject, "conv-grouped"):
        evidence = {"groups": difference.groups, "grouped_side": difference.grouped_side}
        yield ClaimedPlace(match.b, match, evidence)


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    first_match, difference = select_by_cause(subject, "conv-grouped")[0]
    groups = sorted({place.evidence["groups"] for place in places})
    reference_shape, candidate_shape = get_shape_pair(subject, first_match)
    reference, candidate = subject.noun("reference"), subject.noun("candidate")
    if difference.grouped_side == "candidate":
        grouped_side: Role = "candidate"
        full_noun = reference
    else:
        grouped_side, full_noun = "reference", candidate
    trained_role = get_trained_role(subject)
    trained_groups = groups[0] if trained_role == grouped_side else 1
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(name for place in places for name in place.where),
        f"{format_count(len(places), 'convolution')}: the {subject.noun(grouped_side)} has groups={'/'.join(map(str, groups))},"
        f" the {full_noun} full connectivity ({first_match.b[0]}: {reference} {format_shape(reference_shape)},"
        f" {candidate} {format_shape(candidate_shape)})",
        evidence={
            "groups": groups,
            "grouped_side": SIDE_KEYS[grouped_side],
            "shape_a": list(reference_shape),
            "shape_b": list(candidate_shape),
        },
        fix=Fix(
            "safe",
            f"build these layers as the {subject.noun(trained_role)} has them: groups={trained_groups}",
            code=f"nn.Conv1d(..., groups={trained_groups})",
        ),
        rank=11,
    )
