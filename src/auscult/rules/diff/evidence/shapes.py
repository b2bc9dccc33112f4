"""Why two weights of one name have different shapes, in the terms of the field: groups, kernel, width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from auscult.align.kinds import find_layer_kind, find_owner_module
from auscult.align.moves import sort_sides
from auscult.align.records import Match
from auscult.facts.layers import AXES_FROM_TORCH, FrameworkLayout, LayerKind, invert_axes
from auscult.recipe.ops.permute import Permute
from auscult.rules.diff.subject import DiffSubject, Role
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
        kernels: The reference's kernel and the candidate's.
    """

    causes: frozenset[ShapeCause]
    groups: int = 1
    grouped_side: Role | None = None
    kernels: tuple[Shape, Shape] | None = None


def find_shape_mismatches(subject: DiffSubject) -> tuple[Match, ...]:
    """Unequal pairs of one tensor each whose shapes differ beyond the order of their axes."""
    return tuple(
        match
        for match in subject.unequal_matches
        if len(match.a) == len(match.b) == 1 and has_different_shapes(subject, match)
    )


def has_different_shapes(subject: DiffSubject, match: Match) -> bool:
    reference_shape, candidate_shape = get_shape_pair(subject, match)
    return sort_sides(reference_shape) != sort_sides(candidate_shape)


def get_shape_pair(subject: DiffSubject, match: Match) -> tuple[Shape, Shape]:
    """The reference's shape and the candidate's, of the last tensor that each side has in this match."""
    return subject.reference[match.a[-1]].shape, subject.candidate[match.b[-1]].shape


def get_trained_role(subject: DiffSubject) -> Role:
    """The side whose architecture is the right one: the checkpoint where the other is code, else the reference."""
    if subject.reference.is_code and not subject.candidate.is_code:
        return "candidate"
    return "reference"


FRAMEWORK_OF_FORMAT: Mapping[str, FrameworkLayout] = {
    "code:mlx": "mlx",
    "code:torch": "torch",
    "torch": "torch",
    "torch-legacy": "torch",
    "torchscript": "torch",
}
TORCH_TO_MLX = frozenset(((0, 2, 1), (1, 2, 0), (0, 2, 3, 1)))
MLX_TO_TORCH = frozenset(((2, 0, 1), (0, 3, 1, 2)))


def infer_layouts(subject: DiffSubject) -> tuple[FrameworkLayout, FrameworkLayout]:
    """The layouts of reference and candidate: of code by its framework, of files by the permutations between them.

    Torch's where nothing says otherwise.
    """
    all_axes = [
        op.axes
        for match in subject.alignment.matches
        for op in match.ops
        if isinstance(op, Permute)
    ]
    to_mlx = sum(axes in TORCH_TO_MLX for axes in all_axes)
    to_torch = sum(axes in MLX_TO_TORCH for axes in all_axes)
    reference = FRAMEWORK_OF_FORMAT.get(subject.reference.format)
    candidate = FRAMEWORK_OF_FORMAT.get(subject.candidate.format)
    if not to_mlx and not to_torch:
        reference, candidate = reference or candidate, candidate or reference
    if reference is None and to_torch:
        reference = "mlx"
    if candidate is None and reference != "mlx" and to_mlx > to_torch:
        candidate = "mlx"
    return reference or "torch", candidate or "torch"


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
    kind = _find_kind(subject, match)
    reference = read_conv_shape(subject.reference, match.a[0], kind, layout_pair[0])
    candidate = read_conv_shape(subject.candidate, match.b[0], kind, layout_pair[1])
    if reference is None or candidate is None:
        return ShapeDifference(frozenset({"width"}))
    causes: set[ShapeCause] = set()
    groups, grouped_side = 1, None
    if reference.kernel != candidate.kernel:
        causes.add("kernel-size")
    if reference.whole != candidate.whole:
        causes.add("width")
    elif reference.grouped != candidate.grouped:
        groups, grouped_side = _infer_groups(reference, candidate)
        is_changed_width = (reference.grouped, candidate.grouped) in changes
        if groups > 1 and (not is_changed_width or _read_declared_groups(subject, match) == groups):
            causes.add("conv-grouped")
        else:
            causes.add("width")
            groups, grouped_side = 1, None
    return ShapeDifference(
        frozenset(causes or {"width"}), groups, grouped_side, (reference.kernel, candidate.kernel)
    )


def _find_kind(subject: DiffSubject, match: Match) -> LayerKind:
    """The kind of layer by the side that knows its modules, else by the names of the source."""
    if subject.target.modules:
        return find_layer_kind(subject.target, subject.target_names(match)[0])
    return find_layer_kind(subject.source, subject.source_names(match)[0])


def _infer_groups(reference: ConvShape, candidate: ConvShape) -> tuple[int, Role | None]:
    larger = max(reference.grouped, candidate.grouped)
    smaller = min(reference.grouped, candidate.grouped)
    if not smaller or larger % smaller or reference.whole % (larger // smaller):
        return 1, None
    if candidate.grouped < reference.grouped:
        return larger // smaller, "candidate"
    return larger // smaller, "reference"


def _read_declared_groups(subject: DiffSubject, match: Match) -> int | None:
    for side, names in ((subject.candidate, match.b), (subject.reference, match.a)):
        info = find_owner_module(side, names[0])
        groups = info.attributes.get("groups") if info else None
        if isinstance(groups, int):
            return groups
    return None


def find_channel_changes(subject: DiffSubject) -> frozenset[tuple[int, int]]:
    """Pairs (reference's channels, candidate's) by which biases, gains and whole axes differ: the widths that changed."""
    changes = set()
    for match in find_shape_mismatches(subject):
        reference_shape, candidate_shape = get_shape_pair(subject, match)
        if len(reference_shape) != len(candidate_shape) or not reference_shape:
            continue
        if len(reference_shape) == 1 or reference_shape[0] != candidate_shape[0]:
            changes.add((reference_shape[0], candidate_shape[0]))
        if len(reference_shape) > 1 and reference_shape[0] != candidate_shape[0]:
            kind = find_layer_kind(subject.source, subject.source_names(match)[0])
            if kind.startswith("conv_transpose"):
                changes.add((reference_shape[1], candidate_shape[1]))
    return frozenset(changes)
