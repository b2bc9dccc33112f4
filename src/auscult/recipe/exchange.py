"""What Interleave and Deinterleave have in common: an axis cut into blocks, two levels of which change places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auscult.recipe.checks import check_axis, make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Exchange(Op):
    """`axis` is a multiple of outer × parts × groups; `levels` are the last two in their order."""

    axis: int
    groups: int
    parts: int = 3
    outer: int = 1

    def __post_init__(self) -> None:
        if min(self.groups, self.parts, self.outer) < 1:
            raise make_misfit_error(
                self,
                "needs at least one group, part and outer block",
                actual=(self.groups, self.parts, self.outer),
            )

    @property
    def levels(self) -> tuple[int, int]:
        """How many blocks lie in one another: the outer ones first. They change places."""
        raise NotImplementedError

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        return [self._exchange_levels(array) for array in arrays]

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        first, second = self.levels
        return [f"exchange({x}, {self.axis}, {self.outer}, {first}, {second})" for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        count = self.groups * self.parts * self.outer
        for shape in shapes:
            check_axis(self, self.axis, shape)
            if shape[self.axis] % count:
                raise make_misfit_error(
                    self,
                    f"cuts axis {self.axis} unevenly",
                    f"a multiple of {count}",
                    shape[self.axis],
                )
        return [tuple(shape) for shape in shapes]

    def _exchange_levels(self, array: Array) -> Array:
        leading_shape, trailing_shape = array.shape[: self.axis], array.shape[self.axis + 1 :]
        inner_size = array.shape[self.axis] // (self.outer * self.groups * self.parts)
        split_levels = array.reshape(
            *leading_shape, self.outer, *self.levels, inner_size, *trailing_shape
        )
        return split_levels.swapaxes(self.axis + 1, self.axis + 2).reshape(array.shape)
