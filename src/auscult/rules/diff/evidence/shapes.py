"""Why two weights of one name have different shapes, in the terms of the field: groups, kernel, width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from auscult.align.kinds import (
    AXES_FROM_TORCH,
    FrameworkLayout,
    LayerKind,
    find_layer_kind,
    find_owner_module,
    invert_axes,
)
from auscult.align.records import Match
from auscult.rules.diff.subject import DiffSubject
from auscult.weights import Checkpoint, Shape

ShapeCause = Literal["conv-grouped", "kernel-size", "width"]


@dataclass(frozen=True)
class ConvShape:
    """A convolution's weight in words: channels of the grouped and of the whole side, and the kernel.

    Attributes:
        whole: Channels of the axis that groups do not divide (out of a Conv, in of a ConvTranspose).
        grouped: Channels per group of the other axis.
    """

    whole: int
    grouped: int
    kernel: Shape


@dataclass(frozen=True)
class ShapeDifference:
    """What distinguishes the two shapes of a pair.

    Attributes:
        groups: How many groups the side with fewer input channels per group has; 1 where groups do not explain it.
        grouped_side: The side that has groups.
    """

    causes: frozenset[ShapeCause]
    groups: int = 1
    grouped_side: Literal["a", "b"] | None = None
    kernels: tuple[Shape, Shape] | None = None


def find_shape_mismatches(subject: DiffSubject) -> tuple[Match, ...]:
    """Unequal pairs of one tensor each whose shapes differ beyond the order of their axes."""
    return tuple(
        match
        for match in subject.unequal_matches
        if len(match.a) == len(match.b) == 1 and has_different_shapes(subject, match)
    )


def has_different_shapes(subject: DiffSubject, match: Match) -> bool:
    return sorted(subject.a[match.a[0]].shape) != sorted(subject.b[match.b[0]].shape)


def infer_layouts(subject: DiffSubject) -> tuple[FrameworkLayout, FrameworkLayout]:
    """The layouts of the two sides: of code by its framework, of files by the permutations between them; torch by default."""
    votes = {"forward": 0, "backward": 0}
    for match in subject.alignment.matches:
        for op in match.ops:
            if op.op == "permute":
                votes["forward"] += op.axes in {(0, 2, 1), (1, 2, 0), (0, 2, 3, 1)}  # type: ignore[attr-defined]
                votes["backward"] += op.axes in {(2, 0, 1), (0, 3, 1, 2)}  # type: ignore[attr-defined]
    framework_by_format = {
        "code:mlx": "mlx",
        "code:torch": "torch",
        "torch": "torch",
        "torch-legacy": "torch",
        "torchscript": "torch",
    }
    a, b = framework_by_format.get(subject.a.format), framework_by_format.get(subject.b.format)
    if a is None and b is not None and not any(votes.values()):
        a = b
    if b is None and a is not None and not any(votes.values()):
        b = a
    is_forward = votes["forward"] > votes["backward"]
    layout_a: FrameworkLayout = (
        "mlx" if a == "mlx" or (a is None and votes["backward"] > 0) else "torch"
    )
    layout_b: FrameworkLayout = (
        "mlx" if b == "mlx" or (b is None and layout_a == "torch" and is_forward) else "torch"
    )
    return layout_a, layout_b


def read_conv_shape(
    checkpoint: Checkpoint, name: str, kind: LayerKind, layout: FrameworkLayout
) -> ConvShape | None:
    """The weight's shape in words; None where it is no convolution's."""
    shape = checkpoint[name].shape
    if not kind.startswith("conv") or len(shape) not in {3, 4}:
        return None
    if layout != "torch":
        axes = AXES_FROM_TORCH[(kind, layout)]
        shape = tuple(shape[axis] for axis in invert_axes(axes))
    return ConvShape(shape[0], shape[1], shape[2:])


def explain_shapes(subject: DiffSubject) -> tuple[tuple[Match, ShapeDifference], ...]:
    """Which of groups, kernel size and width make the two shapes of a pair differ, for every pair that has two shapes.

    A convolution whose input side alone shrank is grouped, unless the other tensors show that the model's channels changed by
    just that pair of numbers: then it is the layer after a narrower one.
    """
    changes, layout_pair = find_channel_changes(subject), infer_layouts(subject)
    return tuple(
        (match, _explain_shape_pair(subject, match, changes, layout_pair))
        for match in find_shape_mismatches(subject)
    )


def select_by_cause(
    subject: DiffSubject, cause: ShapeCause
) -> tuple[tuple[Match, ShapeDifference], ...]:
    """The pairs whose shapes differ by that cause, among others."""
    return tuple(
        (match, difference)
        for match, difference in explain_shapes(subject)
        if cause in difference.causes
    )


def _explain_shape_pair(
    subject: DiffSubject,
    match: Match,
    changes: frozenset[tuple[int, int]],
    layout_pair: tuple[FrameworkLayout, FrameworkLayout],
) -> ShapeDifference:
    name_a, name_b = match.a[0], match.b[0]
    if subject.b.modules:
        kind = find_layer_kind(subject.b, name_b)
    else:
        kind = find_layer_kind(subject.a, name_a)
    layout_a, layout_b = layout_pair
    a, b = (
        read_conv_shape(subject.a, name_a, kind, layout_a),
        read_conv_shape(subject.b, name_b, kind, layout_b),
    )
    if a is None or b is None:
        return ShapeDifference(frozenset({"width"}))
    causes: set[ShapeCause] = set()
    groups, grouped_side = 1, None
    if a.kernel != b.kernel:
        causes.add("kernel-size")
    if a.whole != b.whole:
        causes.add("width")
    elif a.grouped != b.grouped:
        groups, grouped_side = _infer_groups(a, b)
        declared_groups = _read_declared_groups(subject, match)
        if groups > 1 and ((a.grouped, b.grouped) not in changes or declared_groups == groups):
            causes.add("conv-grouped")
        else:
            causes.add("width")
            groups, grouped_side = 1, None
    return ShapeDifference(
        frozenset(causes or {"width"}), groups, grouped_side, (a.kernel, b.kernel)
    )


def _infer_groups(a: ConvShape, b: ConvShape) -> tuple[int, Literal["a", "b"] | None]:
    larger, smaller = max(a.grouped, b.grouped), min(a.grouped, b.grouped)
    if not smaller or larger % smaller or a.whole % (larger // smaller):
        return 1, None
    return larger // smaller, "b" if b.grouped < a.grouped else "a"


def _read_declared_groups(subject: DiffSubject, match: Match) -> int | None:
    info = find_owner_module(subject.b, match.b[0]) or find_owner_module(subject.a, match.a[0])
    groups = info.attributes.get("groups") if info else None
    if isinstance(groups, int):
        return groups
    return None


def find_channel_changes(subject: DiffSubject) -> frozenset[tuple[int, int]]:
    """Pairs (channels in a, channels in b) by which biases, gains and whole axes differ: the widths that changed."""
    changes = set()
    for match in find_shape_mismatches(subject):
        shape_a, shape_b = subject.a[match.a[0]].shape, subject.b[match.b[0]].shape
        if len(shape_a) == len(shape_b) == 1:
            changes.add((shape_a[0], shape_b[0]))
        elif len(shape_a) == len(shape_b) and shape_a and shape_a[0] != shape_b[0]:
            changes.add((shape_a[0], shape_b[0]))
            if find_layer_kind(subject.a, match.a[0]).startswith("conv-transpose"):
                changes.add((shape_a[1], shape_b[1]))
    return frozenset(changes)
