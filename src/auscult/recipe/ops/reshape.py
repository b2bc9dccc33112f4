"""Reshape: the same elements in row-major order under another shape, as a kernel-1 convolution against a linear layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from auscult.recipe.checks import make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Reshape(Op):
    """Shape `source` to shape `target`, both complete, so that the way back is known."""

    op: ClassVar[str] = "reshape"
    source: Shape
    target: Shape

    def __post_init__(self) -> None:
        if prod(self.source) != prod(self.target):
            raise make_misfit_error(
                self, "changes the number of elements", self.source, self.target
            )

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        return [array.reshape(self.target) for array in arrays]

    def inverse(self) -> Reshape:
        return Reshape(self.target, self.source)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        return [f"{x}.reshape({', '.join(map(str, self.target))})" for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        for shape in shapes:
            if tuple(shape) != self.source:
                raise make_misfit_error(self, "does not fit this shape", self.source, shape)
        return [self.target for _ in shapes]
