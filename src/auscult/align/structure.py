"""Align two sides by names and shapes, where one has no content to compare: code with its initial weights, mostly.

Every tensor ends in exactly one place. `EXACT` in such a match means that the shapes agree (after the ops); the elements were
not compared, and `evidence["compared"]` says so.
"""

from __future__ import annotations

from dataclasses import replace

from auscult.align.kinds import find_layer_kind
from auscult.align.naming import NameSlot, collect_slots
from auscult.align.pairing import PairedBy, pair_slots
from auscult.align.records import Match, MatchBasis, WeightAlignment
from auscult.facts.layers import AXES_FROM_TORCH, FrameworkLayout, LayerKind, invert_axes
from auscult.recipe.op import Op
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.recipe.ops.permute import Permute
from auscult.recipe.ops.split_weight_norm import SplitWeightNorm
from auscult.verdict import Equality
from auscult.weights import Checkpoint, Shape

Axes = tuple[int, ...]


def align_structure(a: Checkpoint, b: Checkpoint) -> WeightAlignment:
    """Which tensor of `a` is meant by which of `b`, by names and shapes only.

    Tensors whose names agree and whose shapes do not are paired as `DIFFERENT`, with both shapes as evidence. Axes that the
    shapes leave open (square weights) follow the layout that the unambiguous weights of the same kind show.
    """
    return pair_names(a, b, tuple(a), tuple(b))


def pair_names(
    a: Checkpoint, b: Checkpoint, names_a: tuple[str, ...], names_b: tuple[str, ...]
) -> WeightAlignment:
    """`align_structure` for some of the tensors only, such as those that content alignment left."""
    pairing = pair_slots(
        collect_slots({name: a[name].shape for name in names_a}),
        collect_slots({name: b[name].shape for name in names_b}),
    )
    order = {name: position for position, name in enumerate(b)}
    pairs = sorted(pairing.pairs, key=lambda pair: order[pair[1].names[0]])
    permutations = _find_permutations(a, b, pairs)
    matches = [
        match
        for pair in pairs
        for match in _build_matches(a, b, pair, permutations.get(pair[1].stem))
    ]
    return WeightAlignment(
        matches=tuple(matches),
        only_in_a=_list_unused(names_a, [name for match in matches for name in match.a]),
        only_in_b=_list_unused(names_b, [name for match in matches for name in match.b]),
    )


def _list_unused(names: tuple[str, ...], used_names: list[str]) -> tuple[str, ...]:
    used_set = set(used_names)
    return tuple(name for name in names if name not in used_set)


SlotPair = tuple[NameSlot, NameSlot, PairedBy]


def _find_permutations(
    a: Checkpoint, b: Checkpoint, pairs: list[SlotPair]
) -> dict[str, tuple[Axes, bool]]:
    """Axes that turn a's weight into b's, by b's stem, and whether the shapes alone settle them.

    Two sides differ in layout as wholes: the shapes that can tell vote for (layout of a, layout of b), and the square
    weights follow the vote.
    """
    votes: dict[tuple[FrameworkLayout, FrameworkLayout], int] = {}
    options: dict[str, dict[tuple[FrameworkLayout, FrameworkLayout], Axes]] = {}
    for slot_a, slot_b, _ in pairs:
        kind = _find_pair_kind(a, b, slot_a, slot_b)
        fitting = {
            layouts: axes
            for layouts, axes in _list_conversions(kind).items()
            if _permute_shape(slot_a.shape, axes) == slot_b.shape
        }
        options[slot_b.stem] = fitting
        if slot_a.shape != slot_b.shape and sorted(slot_a.shape) == sorted(slot_b.shape):
            for layouts in fitting:
                votes[layouts] = votes.get(layouts, 0) + 1
        elif slot_a.shape == slot_b.shape and len(set(slot_a.shape)) == len(slot_a.shape) > 2:
            votes[("torch", "torch")] = votes.get(("torch", "torch"), 0) + 1
    winning_layouts = max(votes, key=lambda layouts: votes[layouts], default=None)
    result: dict[str, tuple[Axes, bool]] = {}
    for slot_a, slot_b, _ in pairs:
        fitting = options[slot_b.stem]
        if slot_a.shape == slot_b.shape:
            settled = len(set(slot_a.shape)) == len(slot_a.shape)
            if (
                winning_layouts in fitting
                and not settled
                and winning_layouts is not None
                and _is_reordering(slot_a.shape, fitting[winning_layouts])
            ):
                result[slot_b.stem] = (fitting[winning_layouts], False)
        elif fitting:
            if winning_layouts in fitting and winning_layouts is not None:
                axes = fitting[winning_layouts]
            else:
                axes = next(iter(fitting.values()))
            result[slot_b.stem] = (axes, len(set(slot_a.shape)) == len(slot_a.shape))
    return result


def _find_pair_kind(a: Checkpoint, b: Checkpoint, slot_a: NameSlot, slot_b: NameSlot) -> LayerKind:
    """The kind by whichever side knows its modules, else by the side in which names and biases say most."""
    if b.modules:
        preferred, fallback = ((b, slot_b), (a, slot_a))
    else:
        preferred, fallback = ((a, slot_a), (b, slot_b))
    kind = find_layer_kind(preferred[0], preferred[1].names[-1], preferred[1].shape)
    fallback_kind = find_layer_kind(fallback[0], fallback[1].names[-1], fallback[1].shape)
    if not preferred[0].modules and fallback_kind.startswith("conv_transpose"):
        return fallback_kind
    return kind


def _list_conversions(kind: LayerKind) -> dict[tuple[FrameworkLayout, FrameworkLayout], Axes]:
    result: dict[tuple[FrameworkLayout, FrameworkLayout], Axes] = {}
    for (weight_kind, layout), axes in AXES_FROM_TORCH.items():
        if weight_kind == kind:
            result[("torch", layout)] = axes
            result[(layout, "torch")] = invert_axes(axes)
    return result


def _permute_shape(shape: Shape, axes: Axes) -> Shape | None:
    if len(shape) == len(axes):
        return tuple(shape[axis] for axis in axes)
    return None


def _is_reordering(shape: Shape, axes: Axes) -> bool:
    """Whether the permutation reorders elements, which it does not if it only moves axes of length 1."""
    return [axis for axis in axes if shape[axis] > 1] != [
        axis for axis in range(len(shape)) if shape[axis] > 1
    ]


def _build_matches(
    a: Checkpoint, b: Checkpoint, pair: SlotPair, axes: tuple[Axes, bool] | None
) -> list[Match]:
    slot_a, slot_b, paired_by = pair
    by: MatchBasis = "structure" if paired_by == "unique-shape" else "name"
    evidence: dict[str, object] = {"compared": "shapes", "paired_by": paired_by}
    if len(slot_a.names) == len(slot_b.names):
        name_pairs = zip(slot_a.names, slot_b.names, strict=True)
        plain_matches = [
            Match((name_a,), (name_b,), (), Equality.EXACT, by, evidence=evidence)
            for name_a, name_b in name_pairs
        ]
        return [
            _settle_by_shape(match, a[match.a[0]].shape, b[match.b[0]].shape, axes)
            for match in plain_matches
        ]
    shapes_agree = slot_a.shape == slot_b.shape or axes is not None
    permute: tuple[Op, ...] = (Permute(axes[0]),) if axes else ()
    ops: tuple[Op, ...]
    if len(slot_a.names) > len(slot_b.names):
        ops = (FuseWeightNorm(_find_norm_axis(a[slot_a.names[0]].shape)), *permute)
    else:
        ops = (*permute, SplitWeightNorm(_find_norm_axis(b[slot_b.names[0]].shape)))
    equality = Equality.EXACT if shapes_agree else Equality.DIFFERENT
    if not shapes_agree:
        evidence = evidence | {"shape_a": list(slot_a.shape), "shape_b": list(slot_b.shape)}
    return [
        Match(
            slot_a.names,
            slot_b.names,
            ops,
            equality,
            by,
            cause="weight-norm-unfused",
            evidence=evidence,
        )
    ]


def _find_norm_axis(gain: Shape) -> int:
    """The axis that g keeps."""
    return max(range(len(gain)), key=lambda axis: gain[axis], default=0)


def _settle_by_shape(
    match: Match, shape_a: Shape, shape_b: Shape, axes: tuple[Axes, bool] | None
) -> Match:
    """The match with the permutation that its shapes need, or as different where they do not fit."""
    if (
        axes is not None
        and _permute_shape(shape_a, axes[0]) == shape_b
        and (shape_a != shape_b or _is_reordering(shape_a, axes[0]))
    ):
        evidence = {**match.evidence, "settled_by_shape": axes[1]}
        return replace(match, ops=(Permute(axes[0]),), evidence=evidence)
    if shape_a == shape_b:
        return match
    shapes = {"shape_a": list(shape_a), "shape_b": list(shape_b)}
    return replace(match, equality=Equality.DIFFERENT, evidence={**match.evidence, **shapes})
