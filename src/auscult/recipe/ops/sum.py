"""Sum: several tensors added, as the two bias vectors of a PyTorch LSTM, of which other frameworks keep the sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.blocks import get_eps, get_tiny, measure_worst_error
from auscult.recipe.checks import check_count, make_loss_error, make_misfit_error
from auscult.recipe.dialect import CodeBlock
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

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[0]]

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """The sum against one taken in float64, in units of the last place of the largest number on the way."""
        total = np.sum([source.astype(np.float64) for source in sources], axis=0)
        absolute_total = np.sum([np.abs(source.astype(np.float64)) for source in sources], axis=0)
        dtype = targets[0].dtype
        return measure_worst_error(
            targets[0].astype(np.float64),
            total,
            self.count * get_eps(dtype) / 2 * absolute_total + get_tiny(dtype),
        )

    def inverse(self) -> Op:
        raise make_loss_error(
            self,
            "the summands cannot be told from their sum",
            "put the sum in the first and zeros in the others",
        )

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        return [f"({' + '.join(names)})"]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), self.count)
        if len(set(map(tuple, shapes))) != 1:
            raise make_misfit_error(
                self,
                "adds tensors of different shapes",
                tuple(shapes[0]),
                [tuple(shape) for shape in shapes],
            )
        return [tuple(shapes[0])]
