"""Concat: several tensors as one along an axis, as q, k and v in one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.checks import check_count, misfit, replaced, same_but_axis
from auscult.recipe.dialect import Block
from auscult.recipe.op import Op
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
            raise misfit(
                self,
                "joins tensors of different dtypes",
                arrays[0].dtype,
                [array.dtype.name for array in arrays],
            )
        return [np.concatenate(list(arrays), axis=self.axis)]

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[0]]

    def inverse(self) -> Op:
        from auscult.recipe.ops.split import Split

        return Split(self.axis, self.sizes)

    def render(self, block: Block, names: Sequence[str]) -> list[str]:
        return [block.dialect.joined(names, self.axis)]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), len(self.sizes))
        same_but_axis(self, shapes, self.axis)
        found = tuple(shape[self.axis] for shape in shapes)
        if found != self.sizes:
            raise misfit(self, f"joins other sizes along axis {self.axis}", self.sizes, found)
        return [replaced(tuple(shapes[0]), self.axis, sum(self.sizes))]
