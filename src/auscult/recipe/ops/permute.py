"""Permute: the axes in another order, as between (out, in, k) and (out, k, in)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from auscult.recipe.checks import make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Permute(Op):
    """Target axis i is source axis `axes[i]`, as in `numpy.transpose`; the result is a view."""

    op: ClassVar[str] = "permute"
    axes: tuple[int, ...]

    def __post_init__(self) -> None:
        if sorted(self.axes) != list(range(len(self.axes))):
            raise make_misfit_error(
                self,
                "is not an order of axes",
                f"each of 0 to {len(self.axes) - 1} once",
                self.axes,
            )

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        return [array.transpose(self.axes) for array in arrays]

    def inverse(self) -> Permute:
        return Permute(tuple(map(self.axes.index, range(len(self.axes)))))

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        return [block.dialect.permute_axes(x, self.axes) for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        for shape in shapes:
            if len(shape) != len(self.axes):
                raise make_misfit_error(
                    self, f"orders {len(self.axes)} axes", f"{len(self.axes)} axes", shape
                )
        return [tuple(shape[axis] for axis in self.axes) for shape in shapes]
