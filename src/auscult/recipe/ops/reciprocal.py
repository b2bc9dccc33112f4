"""Reciprocal: a divisor stored as the factor that it amounts to, as converters fold a division by a constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.blocks import get_eps, get_tiny, measure_worst_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Reciprocal(Op):
    """x -> 1 / (x + offset) + shift, computed in float64 and rounded to the dtype of x.

    Attributes:
        offset: What the code adds before it divides, such as 1e-9 against division by zero.
        shift: The offset of the way back, negated.
    """

    op: ClassVar[str] = "reciprocal"
    offset: float = 0.0
    shift: float = 0.0

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        with np.errstate(divide="ignore", over="ignore"):
            return [
                (1 / (array.astype(np.float64) + self.offset) + self.shift).astype(array.dtype)
                for array in arrays
            ]

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """y against 1 / (x + offset) + shift."""
        errors = [0.0]
        for source, target in zip(sources, targets, strict=True):
            with np.errstate(divide="ignore"):
                expected = 1 / (source.astype(np.float64) + self.offset) + self.shift
            errors.append(
                measure_worst_error(
                    target.astype(np.float64),
                    expected,
                    get_eps(target.dtype) * np.abs(expected) + get_tiny(target.dtype),
                )
            )
        return max(errors)

    def inverse(self) -> Reciprocal:
        return Reciprocal(-self.shift, -self.offset)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:  # noqa: ARG002 - plain arithmetic in every framework
        def format_sum(x: str, number: float) -> str:
            if number:
                return f"({x} + {number!r})"
            return x

        return [format_sum(f"1 / {format_sum(x, self.offset)}", self.shift) for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        return [tuple(shape) for shape in shapes]
