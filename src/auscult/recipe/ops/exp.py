"""Exp: a parameter stored as its logarithm, made linear; the way back of Log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.blocks import get_eps, iter_block_slices, measure_worst_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.recipe.ops.log import Log
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Exp(Op):
    """x -> eˣ, computed in float64 and rounded to the dtype of x; undone by Log within rounding."""

    op: ClassVar[str] = "exp"

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        with np.errstate(over="ignore"):
            return [np.exp(array.astype(np.float64)).astype(array.dtype) for array in arrays]

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """ln y against x."""
        errors = [0.0]
        for source, target in zip(sources, targets, strict=True):
            eps = get_eps(target.dtype)
            for block_index in iter_block_slices(source.shape):
                x, y = (
                    source[block_index].astype(np.float64),
                    target[block_index].astype(np.float64),
                )
                with np.errstate(divide="ignore"):
                    errors.append(measure_worst_error(np.log(y), x, np.full(x.shape, eps)))
        return max(errors)

    def inverse(self) -> Log:
        return Log()

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        return [f"{block.dialect.module}.exp({x})" for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        return [tuple(shape) for shape in shapes]
