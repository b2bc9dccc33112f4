"""Log: a positive parameter stored as its logarithm, as alpha and beta of SnakeBeta (BigVGAN's `snake_logscale`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.blocks import get_eps, iter_block_slices, measure_worst_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.recipe.registry import make_op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Log(Op):
    """x -> ln x, computed in float64 and rounded to the dtype of x; undone by Exp within rounding."""

    op: ClassVar[str] = "log"

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        with np.errstate(divide="ignore", invalid="ignore"):
            return [np.log(array.astype(np.float64)).astype(array.dtype) for array in arrays]

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """eʸ against x; a value that has no logarithm is a failure."""
        errors = [0.0]
        for source, target in zip(sources, targets, strict=True):
            eps = get_eps(target.dtype)
            for block_index in iter_block_slices(source.shape):
                x, y = (
                    source[block_index].astype(np.float64),
                    target[block_index].astype(np.float64),
                )
                errors.append(measure_worst_error(np.exp(y), x, eps * (1 + np.abs(y)) * np.abs(x)))
        return max(errors)

    def inverse(self) -> Op:
        return make_op("exp")

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        return [f"{block.dialect.module}.log({x})" for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        return [tuple(shape) for shape in shapes]
