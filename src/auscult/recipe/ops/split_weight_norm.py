"""SplitWeightNorm: a fused weight as a gain and a direction, for code that still has weight norm on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.blocks import get_eps, get_tiny, iter_block_slices, measure_worst_error
from auscult.recipe.checks import check_axis, check_count
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm, compute_norm_except, get_gain_shape
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class SplitWeightNorm(Op):
    """[w] -> [g, v] with v = w and g = ‖w‖ over every axis except `dim`, in the dtype of w.

    Fusing the pair gives w within one unit in the last place (g is rounded to the dtype), so this is not lossless. A row of
    zeros has no direction: it becomes g = 0 and v = 1, which fuses to zeros and not to 0/0.
    """

    op: ClassVar[str] = "split_weight_norm"
    dim: int = 0

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        (weight,) = arrays
        gain = np.empty(get_gain_shape(weight.shape, self.dim), weight.dtype)
        for block_index in iter_block_slices(weight.shape, self.dim):
            gain[block_index] = compute_norm_except(weight[block_index], self.dim)
        empty = gain == 0
        return [gain, np.where(empty, np.ones((), weight.dtype), weight) if empty.any() else weight]

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """The fused pair against w, in units of the last place."""
        (weight,), (fused,) = sources, self.inverse().apply(targets)
        eps, tiny = get_eps(weight.dtype), get_tiny(weight.dtype)
        errors = [0.0]
        for block_index in iter_block_slices(weight.shape, self.dim):
            wide = weight[block_index].astype(np.float64)
            errors.append(
                measure_worst_error(
                    fused[block_index].astype(np.float64), wide, eps * np.abs(wide) + tiny
                )
            )
        return max(errors)

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[0], dtypes[0]]

    def inverse(self) -> FuseWeightNorm:
        return FuseWeightNorm(self.dim)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        return block.assign(f"split_weight_norm({names[0]}, dim={self.dim})", 2)

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 1)
        check_axis(self, self.dim, shapes[0])
        return [get_gain_shape(shapes[0], self.dim), tuple(shapes[0])]
