"""Concat: several tensors as one along an axis, as q, k and v in one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.checks import check_count, check_same_but_axis, make_misfit_error, replace_side
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.recipe.registry import make_op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Concat(Op):
    """[x1, ..., xn] -> [x], where x_i has `sizes[i]` along `axis`."""

    op: ClassVar[str] = "concat"
    axis: int
    sizes: tuple[int, ...]

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        if len({array.dtype for array in arrays}) > 1:
            raise make_misfit_error(
                self,
                "joins tensors of different dtypes",
                arrays[0].dtype,
                [array.dtype.name for array in arrays],
            )
        return [np.concatenate(list(arrays), axis=self.axis)]

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[0]]

    def inverse(self) -> Op:
        return make_op("split", self.axis, self.sizes)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        return [block.dialect.join_tensors(names, self.axis)]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), len(self.sizes))
        check_same_but_axis(self, shapes, self.axis)
        axis_sizes = tuple(shape[self.axis] for shape in shapes)
        if axis_sizes != self.sizes:
            raise make_misfit_error(
                self, f"joins other sizes along axis {self.axis}", self.sizes, axis_sizes
            )
        return [replace_side(tuple(shapes[0]), self.axis, sum(self.sizes))]
