"""Constant: a tensor that the other side has and this one does not, made from one value or from a short list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from auscult.checkpoint.source import dtype_of
from auscult.recipe.checks import check_count, make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.recipe.registry import make_op
from auscult.weights import Array, Shape

ConstantValue = bool | int | float | tuple[bool | int | float, ...]


@dataclass(frozen=True)
class Constant(Op):
    """[] -> [x]. `value` fills the shape, or lists every element in row-major order."""

    op: ClassVar[str] = "constant"
    shape: Shape
    dtype: str
    value: ConstantValue = 0

    def __post_init__(self) -> None:
        if isinstance(self.value, tuple) and len(self.value) != prod(self.shape):
            raise make_misfit_error(
                self, "lists another number of values", prod(self.shape), len(self.value)
            )

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        check_count(self, len(arrays), 0)
        return [make_filled_array(self.shape, self.dtype, self.value)]

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:  # noqa: ARG002
        return [self.dtype]

    def inverse(self) -> Op:
        return make_op("drop", self.shape, self.dtype, self.value)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        if isinstance(self.value, tuple):
            return super().render(block, names)
        return [block.dialect.full(self.shape, self.value, self.dtype)]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 0)
        return [self.shape]


def make_filled_array(shape: Shape, dtype: str, value: ConstantValue) -> Array:
    """An array of that shape and dtype holding `value`."""
    if isinstance(value, tuple):
        return np.asarray(value).astype(dtype_of(dtype)).reshape(shape)
    return np.full(shape, value, dtype_of(dtype))
