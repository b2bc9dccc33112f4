"""The code has grouped convolutions where the checkpoint is fully connected, or the reverse.

**What it finds.** Convolutions whose weight has the same output channels on both sides, but n times fewer input channels
per output on one: [512, 512, 3] against [512, 128, 3] is full connectivity against `groups=4`; [C, 1, k] is depthwise.

**What you hear.** `load_state_dict` raises (even with `strict=False`). If the caller goes on, these layers keep their
initial random weights: noise or a buzz at the hop rate.

**Why it happens.** The model code was changed after the training, or another class of the same name was imported.

**Blind spots.** Where the shapes agree, groups agree too. A narrower layer before the convolution shrinks the same axis:
this rule leaves the pair to `width` if the biases and output axes of other tensors changed by the same two numbers,
unless the module itself says that it is grouped.

**How it is measured.** groups = larger / smaller input channels per output; both must divide without remainder, and the
output channels must be divisible by groups. No threshold. In a transposed convolution (in, out/groups, k) the second axis
is read.

**Fix.** In the code: build the layers with the checkpoint's groups. Weights cannot be repaired. Safety: safe.

**References.** torch.nn.Conv1d, weight (out, in/groups, k).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.shapes import select_by_cause
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.rules.wording import format_count, format_shape

CODE = "ARC001"
NAME = "conv-grouped"
REQUIRES = DiffSubject
PRECEDENCE = 100


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
    for match, difference in select_by_cause(subject, "conv-grouped"):
        evidence = {"groups": difference.groups, "grouped_side": difference.grouped_side}
        yield ClaimedPlace(match.a, match, evidence)


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    pairs = select_by_cause(subject, "conv-grouped")
    first_match, difference = pairs[0]
    groups = sorted({place.evidence["groups"] for place in places})
    side = "model" if subject.b_is_template else "reference"
    if difference.grouped_side == "a":
        grouped_side, full_side = ("checkpoint", side)
    else:
        grouped_side, full_side = (side, "checkpoint")
    shapes = {
        "checkpoint": subject.a[first_match.a[0]].shape,
        side: subject.b[first_match.b[0]].shape,
    }
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(name for place in places for name in place.where),
        f"{format_count(len(places), 'convolution')}: the {grouped_side} has groups={'/'.join(map(str, groups))}, the {full_side} full"
        f" connectivity ({first_match.a[0]}: checkpoint {format_shape(shapes['checkpoint'])}, {side} {format_shape(shapes[side])})",
        evidence={
            "groups": groups,
            "grouped_side": difference.grouped_side,
            "shape_a": list(subject.a[first_match.a[0]].shape),
            "shape_b": list(subject.b[first_match.b[0]].shape),
        },
        fix=Fix(
            "safe",
            f"build these layers as the checkpoint has them: groups={1 if difference.grouped_side == 'b' else groups[0]}",
            code=f"nn.Conv1d(..., groups={1 if difference.grouped_side == 'b' else groups[0]})",
        ),
        rank=11,
    )
