"""Split: one tensor as several along an axis, as a fused qkv matrix in its three parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.checks import check_axis, check_count, make_misfit_error, replace_side
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.recipe.ops.concat import Concat
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Split(Op):
    """[x] -> [x1, ..., xn], where x_i has `sizes[i]` along `axis`; the parts are views."""

    op: ClassVar[str] = "split"
    axis: int
    sizes: tuple[int, ...]

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        return list(np.split(arrays[0], np.cumsum(self.sizes)[:-1], axis=self.axis))

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[0]] * len(self.sizes)

    def inverse(self) -> Concat:
        return Concat(self.axis, self.sizes)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        return block.assign(block.dialect.cut(names[0], self.sizes, self.axis), len(self.sizes))

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 1)
        check_axis(self, self.axis, shapes[0])
        if shapes[0][self.axis] != sum(self.sizes):
            raise make_misfit_error(
                self,
                f"cuts axis {self.axis} into {self.sizes}",
                sum(self.sizes),
                shapes[0][self.axis],
            )
        return [replace_side(tuple(shapes[0]), self.axis, size) for size in self.sizes]
