"""FuseWeightNorm: w = g · v / ‖v‖ (Salimans & Kingma 2016), as `remove_weight_norm` does.

PyTorch takes the norm over every axis except `dim`, and `dim` is 0 unless the author said otherwise. Axis 0 counts *output*
channels in Conv1d and Linear, but *input* channels in ConvTranspose1d, whose weight is (in, out, k): fusing a transposed
convolution over its output axis gives wrong gains in a legal shape. The pair is stored as `X.weight_g`, `X.weight_v` by
`torch.nn.utils.weight_norm`, and as `X.parametrizations.weight.original0` (g), `.original1` (v) by
`torch.nn.utils.parametrizations.weight_norm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from auscult.recipe.blocks import get_eps, get_tiny, iter_block_slices, measure_worst_error
from auscult.recipe.checks import check_axis, check_count, make_misfit_error, replace_side
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.recipe.registry import make_op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class FuseWeightNorm(Op):
    """[g, v] -> [w]. Computed in float64; the result has the dtype of v.

    Not lossless: the scale of v and the sign of g are gone. The inverse gives the pair with v = w and g = ‖w‖ > 0, whose
    fusion is w again within one unit in the last place.
    """

    op: ClassVar[str] = "fuse_weight_norm"
    dim: int = 0

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        g, v = arrays
        gain = g.reshape(get_gain_shape(v.shape, self.dim))
        fused = np.empty(v.shape, v.dtype)
        for block_index in iter_block_slices(v.shape, self.dim):
            wide = v[block_index].astype(np.float64)
            with np.errstate(divide="ignore", invalid="ignore"):
                wide *= gain[block_index].astype(np.float64) / compute_norm_except(
                    wide, self.dim
                )  # a row of zeros is 0/0, as in PyTorch
            fused[block_index] = wide
        return [fused]

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """w · ‖v‖ against g · v for each element, and ‖w‖ against |g| for each gain."""
        (g, v), (weight,) = sources, targets
        gain, eps, tiny = (
            g.reshape(get_gain_shape(v.shape, self.dim)),
            get_eps(v.dtype),
            get_tiny(v.dtype),
        )
        errors = [0.0]
        for block_index in iter_block_slices(v.shape, self.dim):
            wide, fused, gains = (
                v[block_index].astype(np.float64),
                weight[block_index].astype(np.float64),
                gain[block_index].astype(np.float64),
            )
            norm = compute_norm_except(wide, self.dim)
            errors.append(
                measure_worst_error(
                    fused * norm, wide * gains, eps * np.abs(wide * gains) + tiny * norm
                )
            )
            elements_per_gain = fused.size / max(1, gains.size)
            length = compute_norm_except(fused, self.dim)
            errors.append(
                measure_worst_error(
                    length,
                    np.abs(gains),
                    eps * np.abs(gains) + tiny * np.sqrt(np.asarray(elements_per_gain)),
                )
            )
        return max(errors)

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[1]]

    def inverse(self) -> Op:
        return make_op("split_weight_norm", self.dim)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        return [f"fuse_weight_norm({names[0]}, {names[1]}, dim={self.dim})"]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 2)
        g, v = (tuple(shape) for shape in shapes)
        check_axis(self, self.dim, v)
        if prod(g) != v[self.dim] or (len(g) == len(v) and g != get_gain_shape(v, self.dim)):
            if prod(g) > prod(v):
                hint = "g is the smaller of the two (original0)"
            else:
                hint = None
            raise make_misfit_error(
                self,
                f"needs one gain for each index of axis {self.dim}",
                get_gain_shape(v, self.dim),
                g,
                hint,
            )
        return [v]


def get_gain_shape(shape: Shape, dim: int) -> Shape:
    """Shape of g for a v of `shape`: 1 everywhere but at `dim`."""
    return replace_side((1,) * len(shape), dim, shape[dim])


def compute_norm_except(array: Array, dim: int) -> Array:
    """Euclidean norm over every axis except `dim`, in float64, with kept axes."""
    axes = tuple(axis for axis in range(array.ndim) if axis != dim)
    wide = array.astype(np.float64)
    if not axes:
        return np.abs(wide)
    return np.asarray(np.sqrt(np.sum(np.square(wide), axis=axes, keepdims=True)))
