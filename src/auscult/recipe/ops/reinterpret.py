"""Reinterpret: the bytes of one number format read as another, as bfloat16 read as float16."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from auscult.checkpoint.source import dtype_of
from auscult.recipe.checks import make_misfit_error, to_native_contiguous
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Reinterpret(Op):
    """No bit changes. Where the element sizes differ, the last axis shrinks or grows by their ratio."""

    op: ClassVar[str] = "reinterpret"
    dtype: str
    from_dtype: str

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        for array in arrays:
            if array.dtype.name != dtype_of(self.from_dtype).name:
                raise make_misfit_error(
                    self, "starts from another dtype", self.from_dtype, array.dtype.name
                )
        return [
            to_native_contiguous(array).reshape(array.shape).view(dtype_of(self.dtype))
            for array in arrays
        ]

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [self.dtype for _ in dtypes]

    def inverse(self) -> Reinterpret:
        return Reinterpret(self.from_dtype, self.dtype)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        return [f"{x}.view({block.dialect.dtype(self.dtype)})" for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        old, new = dtype_of(self.from_dtype).itemsize, dtype_of(self.dtype).itemsize
        if old == new:
            return [tuple(shape) for shape in shapes]
        for shape in shapes:
            if not shape or shape[-1] * old % new:
                raise make_misfit_error(
                    self,
                    f"cannot cut the last axis of {tuple(shape)} into {self.dtype}",
                    f"a multiple of {new} bytes",
                )
        return [(*shape[:-1], shape[-1] * old // new) for shape in shapes]
