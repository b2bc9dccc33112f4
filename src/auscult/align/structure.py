"""Align two sides by names and shapes, where one has no content to compare: code with its initial weights, mostly.

Every tensor ends in exactly one place. `EXACT` in such a match means that the shapes agree (after the ops); the elements were
not compared, and `evidence["compared"]` says so.
"""

from __future__ import annotations

from dataclasses import replace

from auscult.align.kinds import FROM_TORCH, Kind, Layout, inverse_axes, layer_kind
from auscult.align.naming import Slot, slots
from auscult.align.pairing import PairedBy, pair_slots
from auscult.align.records import Alignment, By, Match
from auscult.recipe.op import Op
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.recipe.ops.permute import Permute
from auscult.recipe.ops.split_weight_norm import SplitWeightNorm
from auscult.verdict import Equality
from auscult.weights import Checkpoint, Shape

Axes = tuple[int, ...]


def align_structure(a: Checkpoint, b: Checkpoint) -> Alignment:
    """Which tensor of `a` is meant by which of `b`, by names and shapes only.

    Tensors whose names agree and whose shapes do not are paired as `DIFFERENT`, with both shapes as evidence. Axes that the
    shapes leave open (square weights) follow the layout that the unambiguous weights of the same kind show.
    """
    return pair_names(a, b, tuple(a), tuple(b))


def pair_names(
    a: Checkpoint, b: Checkpoint, names_a: tuple[str, ...], names_b: tuple[str, ...]
) -> Alignment:
    """`align_structure` for some of the tensors only, such as those that content alignment left."""
    pairing = pair_slots(
        slots({name: a[name].shape for name in names_a}),
        slots({name: b[name].shape for name in names_b}),
    )
    order = {name: place for place, name in enumerate(b)}
    pairs = sorted(pairing.pairs, key=lambda pair: order[pair[1].names[0]])
    permutations = _permutations(a, b, pairs)
    matches = [
        match for pair in pairs for match in _matches(a, b, pair, permutations.get(pair[1].stem))
    ]
    return Alignment(
        matches=tuple(matches),
        only_in_a=_rest(names_a, [name for match in matches for name in match.a]),
        only_in_b=_rest(names_b, [name for match in matches for name in match.b]),
    )


def _rest(names: tuple[str, ...], used: list[str]) -> tuple[str, ...]:
    taken = set(used)
    return tuple(name for name in names if name not in taken)


Pair = tuple[Slot, Slot, PairedBy]


def _permutations(a: Checkpoint, b: Checkpoint, pairs: list[Pair]) -> dict[str, tuple[Axes, bool]]:
    """Axes that turn a's weight into b's, by b's stem, and whether the shapes alone settle them.

    Two sides differ in layout as wholes: the shapes that can tell vote for (layout of a, layout of b), and the square
    weights follow the vote.
    """
    votes: dict[tuple[Layout, Layout], int] = {}
    options: dict[str, dict[tuple[Layout, Layout], Axes]] = {}
    for left, right, _ in pairs:
        kind = _kind(a, b, left, right)
        fitting = {
            sides: axes
            for sides, axes in _conversions(kind).items()
            if _permuted(left.shape, axes) == right.shape
        }
        options[right.stem] = fitting
        if left.shape != right.shape and sorted(left.shape) == sorted(right.shape):
            for sides in fitting:
                votes[sides] = votes.get(sides, 0) + 1
        elif left.shape == right.shape and len(set(left.shape)) == len(left.shape) > 2:
            votes[("torch", "torch")] = votes.get(("torch", "torch"), 0) + 1
    winner = max(votes, key=lambda sides: votes[sides], default=None)
    result: dict[str, tuple[Axes, bool]] = {}
    for left, right, _ in pairs:
        fitting = options[right.stem]
        if left.shape == right.shape:
            settled = len(set(left.shape)) == len(left.shape)
            if (
                winner in fitting
                and not settled
                and winner is not None
                and _moves(left.shape, fitting[winner])
            ):
                result[right.stem] = (fitting[winner], False)
        elif fitting:
            axes = (
                fitting[winner]
                if winner in fitting and winner is not None
                else next(iter(fitting.values()))
            )
            result[right.stem] = (axes, len(set(left.shape)) == len(left.shape))
    return result


def _kind(a: Checkpoint, b: Checkpoint, left: Slot, right: Slot) -> Kind:
    """The kind by whichever side knows its modules, else by the side in which names and biases say most."""
    first, second = ((b, right), (a, left)) if b.modules else ((a, left), (b, right))
    kind = layer_kind(first[0], first[1].names[-1], first[1].shape)
    other = layer_kind(second[0], second[1].names[-1], second[1].shape)
    return other if not first[0].modules and other.startswith("conv-transpose") else kind


def _conversions(kind: Kind) -> dict[tuple[Layout, Layout], Axes]:
    result: dict[tuple[Layout, Layout], Axes] = {}
    for (known, layout), axes in FROM_TORCH.items():
        if known == kind:
            result[("torch", layout)] = axes
            result[(layout, "torch")] = inverse_axes(axes)
    return result


def _permuted(shape: Shape, axes: Axes) -> Shape | None:
    return tuple(shape[axis] for axis in axes) if len(shape) == len(axes) else None


def _moves(shape: Shape, axes: Axes) -> bool:
    """Whether the permutation reorders elements, which it does not if it only moves axes of length 1."""
    return [axis for axis in axes if shape[axis] > 1] != [
        axis for axis in range(len(shape)) if shape[axis] > 1
    ]


def _matches(
    a: Checkpoint, b: Checkpoint, pair: Pair, axes: tuple[Axes, bool] | None
) -> list[Match]:
    left, right, how = pair
    by: By = "structure" if how == "unique-shape" else "name"
    evidence: dict[str, object] = {"compared": "shapes", "paired_by": how}
    if len(left.names) == len(right.names):
        halves = zip(left.names, right.names, strict=True)
        plain = [
            Match((one,), (two,), (), Equality.EXACT, by, evidence=evidence) for one, two in halves
        ]
        return [_by_shape(match, a[match.a[0]].shape, b[match.b[0]].shape, axes) for match in plain]
    shapes_agree = left.shape == right.shape or axes is not None
    permute: tuple[Op, ...] = (Permute(axes[0]),) if axes else ()
    ops: tuple[Op, ...]
    if len(left.names) > len(right.names):
        ops = (FuseWeightNorm(_norm_axis(a[left.names[0]].shape)), *permute)
    else:
        ops = (*permute, SplitWeightNorm(_norm_axis(b[right.names[0]].shape)))
    equality = Equality.EXACT if shapes_agree else Equality.DIFFERENT
    if not shapes_agree:
        evidence = evidence | {"shape_a": list(left.shape), "shape_b": list(right.shape)}
    return [
        Match(
            left.names,
            right.names,
            ops,
            equality,
            by,
            cause="weight-norm-unfused",
            evidence=evidence,
        )
    ]


def _norm_axis(gain: Shape) -> int:
    """The axis that g keeps."""
    return max(range(len(gain)), key=lambda axis: gain[axis], default=0)


def _by_shape(
    match: Match, shape_a: Shape, shape_b: Shape, axes: tuple[Axes, bool] | None
) -> Match:
    """The match with the permutation that its shapes need, or as different where they do not fit."""
    if (
        axes is not None
        and _permuted(shape_a, axes[0]) == shape_b
        and (shape_a != shape_b or _moves(shape_a, axes[0]))
    ):
        evidence = {**match.evidence, "settled_by_shape": axes[1]}
        return replace(match, ops=(Permute(axes[0]),), evidence=evidence)
    if shape_a == shape_b:
        return match
    shapes = {"shape_a": list(shape_a), "shape_b": list(shape_b)}
    return replace(match, equality=Equality.DIFFERENT, evidence={**match.evidence, **shapes})
