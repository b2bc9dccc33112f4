"""Weight norm on one side and the fused weight on the other; fused over the wrong axis; g and v exchanged.

PyTorch stores g with one value for each index of axis 0 and takes the norm over all other axes; axis 0 counts *input*
channels in a transposed convolution. Of the two tensors, g is the smaller one, whatever the names say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod

import numpy as np

from auscult.align.derived import Candidate, View
from auscult.align.moves import sides
from auscult.align.naming import weight_norm_pair
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm, norm_except
from auscult.weights import Array, Shape

PRIORITY = 10
BOTH_WAYS = True
MAX_GUESSES = 2  # by content, where no name tells the target


def propose(view: View) -> Iterator[Candidate]:
    for stem, gain, vectors, exchanged in _pairs(view):
        cause, fault = (
            ("weight-norm-swapped", True) if exchanged else ("weight-norm-unfused", False)
        )
        shape = view.x.shapes[vectors]
        targets = [name for name in view.expected(stem) if view.y.sides(name) == sides(shape)]
        unfused = any(True for _ in view.expected(vectors)) and any(
            True for _ in view.expected(gain)
        )
        for dim in _dims(view.x.shapes[gain], shape):
            fuse = FuseWeightNorm(dim)
            for target in targets or ([] if unfused else _by_content(view, fuse, gain, vectors)):
                named = bool(targets)
                yield Candidate(
                    (gain, vectors), (target,), (fuse,), cause, fault, named=named, computed=True
                )
        for target in targets:
            yield from _wrong_axis(view, gain, vectors, target)


def _pairs(view: View) -> Iterator[tuple[str, str, str, bool]]:
    """(fused name, g, v, whether the names have them the wrong way round) for each pair without a partner."""
    for name in view.x.remaining():
        pair = weight_norm_pair(name)
        if (
            pair is None
            or name != pair.names[0]
            or not all(part in view.x.left for part in pair.names)
        ):
            continue
        first, second = pair.names
        exchanged = prod(view.x.shapes[first]) > prod(view.x.shapes[second])
        yield (pair.stem, second, first, True) if exchanged else (pair.stem, first, second, False)


def _dims(gain: Shape, vectors: Shape) -> list[int]:
    """Axes of v that g may count, the one that its shape shows first."""
    fitting = [axis for axis, side in enumerate(vectors) if side == prod(gain)]
    if len(gain) == len(vectors):
        return [axis for axis in fitting if gain[axis] == vectors[axis]]
    return fitting


def _by_content(view: View, fuse: FuseWeightNorm, gain: str, vectors: str) -> list[str]:
    fused = fuse.apply([view.x.array(gain), view.x.array(vectors)])[0]
    return view.similar(fused)[:MAX_GUESSES]


def _wrong_axis(view: View, gain: str, vectors: str, target: str) -> Iterator[Candidate]:
    """The norm, and with it perhaps the gain, taken along another axis: legal shapes, wrong gains."""
    shape = view.x.shapes[vectors]
    right = _dims(view.x.shapes[gain], shape)
    if not right:
        return
    for norm_axis in (*range(len(shape)), None):
        for gain_axis in [axis for axis, side in enumerate(shape) if side == view.x.size(gain)]:
            if norm_axis == gain_axis and gain_axis == right[0]:
                continue
            compute = _fused_along(norm_axis, gain_axis)
            evidence = {"norm_axis": norm_axis, "gain_axis": gain_axis, "right_axis": right[0]}
            yield Candidate(
                (gain, vectors),
                (target,),
                (FuseWeightNorm(right[0]),),
                "weight-norm-axis",
                True,
                computed=True,
                compute=compute,
                evidence=evidence,
            )


def _fused_along(norm_axis: int | None, gain_axis: int) -> Callable[[Sequence[Array]], list[Array]]:
    def compute(arrays: Sequence[Array]) -> list[Array]:
        gain, vectors = arrays
        side = [1] * vectors.ndim
        side[gain_axis] = -1
        wide = vectors.astype(np.float64)
        norm = np.sqrt(np.sum(wide**2)) if norm_axis is None else norm_except(vectors, norm_axis)
        with np.errstate(divide="ignore", invalid="ignore"):
            return [(wide * (gain.astype(np.float64).reshape(side) / norm)).astype(vectors.dtype)]

    return compute
