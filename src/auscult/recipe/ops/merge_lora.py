"""MergeLora: a low-rank update added to its base weight (Hu et al. 2021), w' = w + scale · B·A with scale = alpha / rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal

import numpy as np

from auscult.recipe.checks import check_count, lost, misfit
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class MergeLora(Op):
    """[w, A, B] -> [w'], computed in float64; the result has the dtype of w.

    Attributes:
        order: `ba` for A [rank, in], B [out, rank] and w + scale · B·A (loralib, PEFT; a convolution's B·A is reshaped to w);
            `ab` for A [in, rank], B [rank, out] and w + scale · (A·B)ᵀ (mlx-lm).
    """

    op: ClassVar[str] = "merge_lora"
    scale: float
    order: Literal["ba", "ab"] = "ba"

    def __post_init__(self) -> None:
        if self.order not in ("ba", "ab"):
            raise misfit(self, "has an unknown order", "ba or ab", self.order)

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        weight = arrays[0]
        a, b = (array.astype(np.float64) for array in arrays[1:])
        update = (b @ a if self.order == "ba" else (a @ b).T).reshape(weight.shape)
        return [(weight.astype(np.float64) + self.scale * update).astype(weight.dtype)]

    def inverse(self) -> Op:
        raise lost(self, "base weight and update cannot be told from their sum", "keep the base checkpoint and the adapter")

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 3)
        weight, a, b = (tuple(shape) for shape in shapes)
        left, right = (b, a) if self.order == "ba" else (a, b)
        fits = len(a) == len(b) == 2 and left[1] == right[0] and left[0] * right[1] == prod(weight)
        if not fits:
            raise misfit(self, "has factors that do not make up the weight", weight, f"A {a} and B {b}")
        return [weight]
