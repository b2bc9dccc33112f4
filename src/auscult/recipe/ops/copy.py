"""Copy: one tensor under several names, as tied embeddings in files that store them twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from auscult.recipe.checks import check_count
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.recipe.registry import make_op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Copy(Op):
    """[x] -> [x, ..., x]."""

    op: ClassVar[str] = "copy"
    count: int

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        check_count(self, len(arrays), 1)
        return [arrays[0]] * self.count

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[0]] * self.count

    def inverse(self) -> Op:
        return make_op("unify", self.count)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        return [block.held(names[0])] * self.count

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 1)
        return [tuple(shapes[0])] * self.count
