"""Weight norm on one side and the fused weight on the other; fused in a wrong way; g and v exchanged.

PyTorch stores g with one value for each index of axis 0 and takes the norm over all other axes; axis 0 counts *input*
channels in a transposed convolution. Of the two tensors, g is the smaller one, whatever the names say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

from auscult.align.derived import HypothesisView, Proposal
from auscult.align.moves import sort_sides
from auscult.align.naming import find_weight_norm_pair
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.weights import Array, Shape

PRIORITY = 10
BOTH_WAYS = True
GAIN_CAUSE = "channel-gain"
MAX_GUESSES = 2  # by content, where no name tells the target


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for stem, gain, vectors, exchanged in _iter_pairs(view):
        if exchanged:
            cause, fault = ("weight-norm-swapped", True)
        else:
            cause, fault = ("weight-norm-unfused", False)
        shape = view.x.shapes[vectors]
        targets = [name for name in view.expected(stem) if view.y.sides(name) == sort_sides(shape)]
        is_unfused = any(True for _ in view.expected(vectors)) and any(
            True for _ in view.expected(gain)
        )
        for dim in find_gain_axes(view.x.shapes[gain], shape):
            fuse = FuseWeightNorm(dim)
            for target in targets or (
                [] if is_unfused else _find_by_content(view, fuse, gain, vectors)
            ):
                has_named_target = bool(targets)
                yield Proposal(
                    (gain, vectors),
                    (target,),
                    (fuse,),
                    cause,
                    fault,
                    named=has_named_target,
                    computed=True,
                )
        for target in targets:
            yield from _propose_wrong_fusions(view, gain, vectors, target)


def _iter_pairs(view: HypothesisView) -> Iterator[tuple[str, str, str, bool]]:
    """(fused name, g, v, whether the names have them the wrong way round) for each pair without a partner."""
    for name in view.x.list_remaining():
        pair = find_weight_norm_pair(name)
        if (
            pair is None
            or name != pair.names[0]
            or not all(part in view.x.left for part in pair.names)
        ):
            continue
        first_name, second_name = pair.names
        exchanged = prod(view.x.shapes[first_name]) > prod(view.x.shapes[second_name])
        yield (
            (pair.stem, second_name, first_name, True)
            if exchanged
            else (pair.stem, first_name, second_name, False)
        )


def find_gain_axes(gain: Shape, vectors: Shape) -> list[int]:
    """Axes of v that g may count, the one that its shape shows first."""
    fitting = [axis for axis, axis_length in enumerate(vectors) if axis_length == prod(gain)]
    if len(gain) == len(vectors):
        return [axis for axis in fitting if gain[axis] == vectors[axis]]
    return fitting


def _find_by_content(
    view: HypothesisView, fuse: FuseWeightNorm, gain: str, vectors: str
) -> list[str]:
    fused = fuse.apply([view.x.array(gain), view.x.array(vectors)])[0]
    return view.find_similar(fused)[:MAX_GUESSES]


def _propose_wrong_fusions(
    view: HypothesisView, gain: str, vectors: str, target: str
) -> Iterator[Proposal]:
    """Fusions of a legal shape that give wrong values: a part left out, or the norm and perhaps the gain along other axes."""
    shape = view.x.shapes[vectors]
    gain_axes = find_gain_axes(view.x.shapes[gain], shape)
    if not gain_axes:
        return
    right_axes = tuple(axis for axis in range(len(shape)) if axis != gain_axes[0])
    wrong_fusions: list[tuple[int | None, tuple[int, ...], str, dict[str, Any]]] = [
        (gain_axes[0], (), GAIN_CAUSE, {"fusion": "g·v"}),
        (None, right_axes, GAIN_CAUSE, {"fusion": "v/‖v‖"}),
    ]
    for axis_count in range(len(shape), 0, -1):
        for norm_axes in combinations(range(len(shape)), axis_count):
            for gain_axis in find_gain_axes((view.x.size(gain),), shape):
                if norm_axes != right_axes or gain_axis != gain_axes[0]:
                    evidence = {"norm_axes": norm_axes, "gain_axis": gain_axis}
                    wrong_fusions.append((gain_axis, norm_axes, "weight-norm-axis", evidence))
    for gain_axis_used, norm_axes, cause, evidence in wrong_fusions:
        yield Proposal(
            (gain, vectors),
            (target,),
            (FuseWeightNorm(gain_axes[0]),),
            cause,
            True,
            computed=True,
            compute=_make_fusion(gain_axis_used, norm_axes),
            evidence=evidence,
        )


def propose_vectors_alone(gain: str, vectors: str, target: str, axis: int) -> Proposal:
    """That v was taken for the weight, without its gain g along that axis."""
    return Proposal(
        (gain, vectors),
        (target,),
        (FuseWeightNorm(axis),),
        GAIN_CAUSE,
        True,
        compute=lambda arrays: [arrays[1]],
        evidence={"fusion": "v"},
    )


def _make_fusion(
    gain_axis: int | None, norm_axes: tuple[int, ...]
) -> Callable[[Sequence[Array]], list[Array]]:
    """v, times g along an axis (None: not at all), over its norm taken over these axes (none: not at all)."""

    def fuse_arrays(arrays: Sequence[Array]) -> list[Array]:
        gain, vectors = arrays
        result = vectors.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            if norm_axes:
                result = result / np.sqrt(np.sum(result**2, axis=norm_axes, keepdims=True))
            if gain_axis is not None:
                gain_shape = [1] * vectors.ndim
                gain_shape[gain_axis] = -1
                result = result * gain.astype(np.float64).reshape(gain_shape)
            return [result.astype(vectors.dtype)]

    return fuse_arrays
