"""Flip: an axis backwards, as a convolution kernel against a correlation kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.checks import check_axis
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Flip(Op):
    """Reverses `axis`; the result is a view."""

    op: ClassVar[str] = "flip"
    axis: int

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        return [np.flip(array, self.axis) for array in arrays]

    def inverse(self) -> Flip:
        return self

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        return [block.dialect.flip_axis(x, self.axis) for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        for shape in shapes:
            check_axis(self, self.axis, shape)
        return [tuple(shape) for shape in shapes]
