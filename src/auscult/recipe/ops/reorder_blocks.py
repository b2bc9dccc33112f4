"""ReorderBlocks: equal blocks along an axis in another order, as the gates of an LSTM (i, f, g, o against i, o, f, c)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.checks import check_axis, make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class ReorderBlocks(Op):
    """Cuts `axis` in `len(order)` equal blocks; target block i is source block `order[i]`."""

    op: ClassVar[str] = "reorder_blocks"
    axis: int
    order: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.order or sorted(self.order) != list(range(len(self.order))):
            raise make_misfit_error(
                self,
                "is not an order of blocks",
                f"each of 0 to {len(self.order) - 1} once",
                self.order,
            )

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        return [self._reorder_array(array) for array in arrays]

    def _reorder_array(self, array: Array) -> Array:
        blocks = np.split(array, len(self.order), axis=self.axis)
        return np.concatenate([blocks[index] for index in self.order], axis=self.axis)

    def inverse(self) -> ReorderBlocks:
        return ReorderBlocks(self.axis, tuple(int(index) for index in np.argsort(self.order)))

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        return [f"reorder_blocks({x}, {self.axis}, {self.order})" for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        for shape in shapes:
            check_axis(self, self.axis, shape)
            if shape[self.axis] % len(self.order):
                raise make_misfit_error(
                    self,
                    f"cuts axis {self.axis} unevenly",
                    f"a multiple of {len(self.order)}",
                    shape[self.axis],
                )
        return [tuple(shape) for shape in shapes]
