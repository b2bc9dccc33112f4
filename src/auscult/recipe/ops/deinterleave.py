"""Deinterleave: the way back of Interleave, from (q, k, v of head 0; ...) to all q, then all k, then all v."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from auscult.recipe.checks import misfit
from auscult.recipe.dialect import Block
from auscult.recipe.op import Op
from auscult.recipe.ops.interleave import Interleave, checked, exchanged
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Deinterleave(Op):
    """`axis`, seen as [outer, groups, parts, rest], becomes [outer, parts, groups, rest]."""

    op: ClassVar[str] = "deinterleave"
    axis: int
    groups: int
    parts: int = 3
    outer: int = 1

    def __post_init__(self) -> None:
        if min(self.groups, self.parts, self.outer) < 1:
            raise misfit(self, "needs at least one group, part and outer block", found=(self.groups, self.parts, self.outer))

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        return [exchanged(array, self.axis, (self.outer, self.groups, self.parts)) for array in arrays]

    def inverse(self) -> Interleave:
        return Interleave(self.axis, self.groups, self.parts, self.outer)

    def render(self, block: Block, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        return [f"exchange({x}, {self.axis}, {self.outer}, {self.groups}, {self.parts})" for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        return checked(self, shapes, self.axis, self.groups * self.parts * self.outer)
