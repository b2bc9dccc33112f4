"""SplitWeightNorm: a fused weight as a gain and a direction, for code that still has weight norm on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from auscult.recipe.checks import check_axis, check_count
from auscult.recipe.op import Op
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm, norm_except, norm_shape
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class SplitWeightNorm(Op):
    """[w] -> [g, v] with v = w and g = ‖w‖ over every axis except `dim`, in the dtype of w.

    Fusing the pair gives w within one unit in the last place (g is rounded to the dtype), so this is not lossless. A row of
    zeros has no direction: its fusion is 0/0, as in PyTorch.
    """

    op: ClassVar[str] = "split_weight_norm"
    dim: int = 0

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        (weight,) = arrays
        return [norm_except(weight, self.dim).astype(weight.dtype), weight]

    def inverse(self) -> FuseWeightNorm:
        return FuseWeightNorm(self.dim)

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 1)
        check_axis(self, self.dim, shapes[0])
        return [norm_shape(shapes[0], self.dim), tuple(shapes[0])]
