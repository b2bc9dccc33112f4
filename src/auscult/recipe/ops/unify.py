"""Unify: several copies of one tensor as one, where the other side ties them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from auscult.recipe.blocks import has_same_bits
from auscult.recipe.checks import check_count, make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.recipe.ops.copy import Copy
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Unify(Op):
    """[x, ..., x] -> [x]; the copies must be equal bit for bit."""

    op: ClassVar[str] = "unify"
    count: int

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        if not all(has_same_bits(array, arrays[0]) for array in arrays[1:]):
            raise make_misfit_error(
                self, "would merge tensors that differ", hint="they are not copies: keep them apart"
            )
        return [arrays[0]]

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[0]]

    def inverse(self) -> Copy:
        return Copy(self.count)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        return [names[0]]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), self.count)
        if len(set(map(tuple, shapes))) != 1:
            raise make_misfit_error(
                self,
                "would merge tensors of different shapes",
                tuple(shapes[0]),
                [tuple(shape) for shape in shapes],
            )
        return [tuple(shapes[0])]
