"""Interleave: parts that lie one after another, laid side by side group by group, as q, k, v per attention head.

(q of all heads, k of all heads, v of all heads) becomes (q, k, v of head 0; q, k, v of head 1; ...) with `groups` = heads
and `parts` = 3. Rotary embeddings stored in halves become interleaved pairs with `parts` = 2, `groups` = half the head size
and `outer` = heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from auscult.recipe.checks import check_axis, misfit
from auscult.recipe.dialect import Block
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Interleave(Op):
    """`axis`, seen as [outer, parts, groups, rest], becomes [outer, groups, parts, rest]."""

    op: ClassVar[str] = "interleave"
    axis: int
    groups: int
    parts: int = 3
    outer: int = 1

    def __post_init__(self) -> None:
        if min(self.groups, self.parts, self.outer) < 1:
            raise misfit(self, "needs at least one group, part and outer block", found=(self.groups, self.parts, self.outer))

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        return [exchanged(array, self.axis, (self.outer, self.parts, self.groups)) for array in arrays]

    def inverse(self) -> Op:
        from auscult.recipe.ops.deinterleave import Deinterleave

        return Deinterleave(self.axis, self.groups, self.parts, self.outer)

    def render(self, block: Block, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        return [f"exchange({x}, {self.axis}, {self.outer}, {self.parts}, {self.groups})" for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        return checked(self, shapes, self.axis, self.groups * self.parts * self.outer)


def exchanged(array: Array, axis: int, sides: tuple[int, int, int]) -> Array:
    """The array with `axis`, seen as [*sides, rest], having the second and third of these exchanged."""
    before, after = array.shape[:axis], array.shape[axis + 1 :]
    outer, first, second = sides
    rest = array.shape[axis] // (outer * first * second)
    cut = array.reshape(*before, outer, first, second, rest, *after)
    return cut.swapaxes(axis + 1, axis + 2).reshape(array.shape)


def checked(op: Op, shapes: Sequence[Shape], axis: int, count: int) -> list[Shape]:
    """The shapes themselves, whose `axis` must be a multiple of `count`."""
    for shape in shapes:
        check_axis(op, axis, shape)
        if shape[axis] % count:
            raise misfit(op, f"cuts axis {axis} unevenly", f"a multiple of {count}", shape[axis])
    return [tuple(shape) for shape in shapes]
