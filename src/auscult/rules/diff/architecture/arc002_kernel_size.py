"""The code's convolutions have another kernel size than the checkpoint's.

**What it finds.** Convolutions whose channels agree (or differ by groups only) and whose kernel
does not: [512, 512, 5] against [512, 512, 3].

**What you hear.** `load_state_dict` raises (even with `strict=False`); a caller who goes on runs
random weights: noise, buzz.

**Why it happens.** Code that varies the dilation of its branches (1, 3, 5 at kernel 3) was taken
for code that varies the kernel (3, 5, 7), or the config of another version was loaded.

**Blind spots.** Dilation, stride and padding leave no trace in the shape: when this rule is silent
they may still be wrong (`undetermined-by-weights`).

**How it is measured.** The kernel axes of both shapes, read in each side's layout. No threshold.

**Example.** The branches of the checkpoint differ in dilation, and those of the code in kernel
size:

    [nn.Conv1d(8, 8, kernel) for kernel in (3, 5, 7)]  # wrong
    [nn.Conv1d(8, 8, 3, dilation=dilation) for dilation in (1, 3, 5)]  # right

**Fix.** In the code: the kernel sizes of the checkpoint, and the padding that belongs to them.
Safety: safe.

**References.** torch.nn.Conv1d, weight (out, in/groups, k); torch.nn.ConvTranspose1d, weight (in,
out/groups, k).
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
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "ARC002"
NAME = "kernel-size"
REQUIRES = DiffSubject
PRECEDENCE = 101


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
    # not from the open items: a convolution may be grouped and of another kernel size at once
    for match, difference in select_by_cause(subject, "kernel-size"):
        if difference.kernels and "width" not in difference.causes:
            yield ClaimedPlace(match.b, match, {"kernels": difference.kernels})


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    first_match = places[0].match
    assert first_match is not None
    pairs = sorted({place.evidence["kernels"] for place in places})
    changes = ", ".join(
        f"{_format_kernel(candidate)} instead of {_format_kernel(reference)}"
        for reference, candidate in pairs
    )
    reference_shape, candidate_shape = get_shape_pair(subject, first_match)
    reference, candidate = subject.noun("reference"), subject.noun("candidate")
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(name for place in places for name in place.where),
        f"{format_count(len(places), 'convolution')} of the {candidate} with another kernel size than the {reference}'s: {changes}"
        f" ({first_match.b[0]}: {reference} {format_shape(reference_shape)}, {candidate} {format_shape(candidate_shape)})",
        evidence={"kernels": [[list(kernel) for kernel in pair] for pair in pairs]},
        fix=Fix(
            "safe",
            f"build these layers with the {subject.noun(get_trained_role(subject))}'s kernel sizes,"
            " and the padding that belongs to them",
        ),
        rank=12,
    )


def _format_kernel(kernel: tuple[int, ...]) -> str:
    return "x".join(map(str, kernel))
