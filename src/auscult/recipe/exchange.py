"""What Interleave and Deinterleave have in common: an axis cut into blocks, two levels of which change places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auscult.recipe.checks import check_axis, misfit
from auscult.recipe.dialect import Block
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
            raise misfit(
                self,
                "needs at least one group, part and outer block",
                found=(self.groups, self.parts, self.outer),
            )

    @property
    def levels(self) -> tuple[int, int]:
        """How many blocks lie in one another: the outer ones first. They change places."""
        raise NotImplementedError

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        return [self._exchanged(array) for array in arrays]

    def render(self, block: Block, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        first, second = self.levels
        return [f"exchange({x}, {self.axis}, {self.outer}, {first}, {second})" for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        count = self.groups * self.parts * self.outer
        for shape in shapes:
            check_axis(self, self.axis, shape)
            if shape[self.axis] % count:
                raise misfit(
                    self,
                    f"cuts axis {self.axis} unevenly",
                    f"a multiple of {count}",
                    shape[self.axis],
                )
        return [tuple(shape) for shape in shapes]

    def _exchanged(self, array: Array) -> Array:
        before, after = array.shape[: self.axis], array.shape[self.axis + 1 :]
        rest = array.shape[self.axis] // (self.outer * self.groups * self.parts)
        cut = array.reshape(*before, self.outer, *self.levels, rest, *after)
        return cut.swapaxes(self.axis + 1, self.axis + 2).reshape(array.shape)
