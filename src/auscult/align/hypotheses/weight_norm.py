"""Weight norm on one side and the fused weight on the other; fused over the wrong axis; g and v exchanged.

PyTorch stores g with one value for each index of axis 0 and takes the norm over all other axes; axis 0 counts *input*
channels in a transposed convolution. Of the two tensors, g is the smaller one, whatever the names say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod

import numpy as np

from auscult.align.derived import HypothesisView, Proposal
from auscult.align.moves import sort_sides
from auscult.align.naming import find_weight_norm_pair
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm, compute_norm_except
from auscult.weights import Array, Shape

PRIORITY = 10
BOTH_WAYS = True
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
            yield from _propose_wrong_axes(view, gain, vectors, target)


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


def _propose_wrong_axes(
    view: HypothesisView, gain: str, vectors: str, target: str
) -> Iterator[Proposal]:
    """The norm, and with it perhaps the gain, taken along another axis: legal shapes, wrong gains."""
    shape = view.x.shapes[vectors]
    gain_axes = find_gain_axes(view.x.shapes[gain], shape)
    if not gain_axes:
        return
    for norm_axis in (*range(len(shape)), None):
        for gain_axis in [
            axis for axis, axis_length in enumerate(shape) if axis_length == view.x.size(gain)
        ]:
            if norm_axis == gain_axis and gain_axis == gain_axes[0]:
                continue
            compute = _make_fusion_along(norm_axis, gain_axis)
            evidence = {"norm_axis": norm_axis, "gain_axis": gain_axis, "right_axis": gain_axes[0]}
            yield Proposal(
                (gain, vectors),
                (target,),
                (FuseWeightNorm(gain_axes[0]),),
                "weight-norm-axis",
                True,
                computed=True,
                compute=compute,
                evidence=evidence,
            )


def _make_fusion_along(
    norm_axis: int | None, gain_axis: int
) -> Callable[[Sequence[Array]], list[Array]]:
    def fuse_arrays(arrays: Sequence[Array]) -> list[Array]:
        gain, vectors = arrays
        gain_shape = [1] * vectors.ndim
        gain_shape[gain_axis] = -1
        wide_vectors = vectors.astype(np.float64)
        if norm_axis is None:
            norm = np.sqrt(np.sum(wide_vectors**2))
        else:
            norm = compute_norm_except(vectors, norm_axis)
        with np.errstate(divide="ignore", invalid="ignore"):
            return [
                (wide_vectors * (gain.astype(np.float64).reshape(gain_shape) / norm)).astype(
                    vectors.dtype
                )
            ]

    return fuse_arrays
