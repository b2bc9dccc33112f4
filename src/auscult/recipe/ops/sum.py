"""Sum: several tensors added, as the two bias vectors of a PyTorch LSTM, of which other frameworks keep the sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from auscult.recipe.checks import check_count, lost, misfit
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Sum(Op):
    """[x1, ..., xn] -> [x1 + ... + xn], added in their own dtype from left to right."""

    op: ClassVar[str] = "sum"
    count: int = 2

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        total = arrays[0]
        for array in arrays[1:]:
            total = total + array
        return [total.astype(arrays[0].dtype, copy=False)]

    def inverse(self) -> Op:
        raise lost(self, "the summands cannot be told from their sum", "put the sum in the first and zeros in the others")

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), self.count)
        if len(set(map(tuple, shapes))) != 1:
            raise misfit(self, "adds tensors of different shapes", tuple(shapes[0]), [tuple(shape) for shape in shapes])
        return [tuple(shapes[0])]
