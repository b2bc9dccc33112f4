"""MergeLora: a low-rank update added to its base weight (Hu et al. 2021), w' = w + scale · B·A with scale = alpha / rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal

import numpy as np

from auscult.recipe.blocks import BLOCK, block_slices, eps_of, tiny_of, worst
from auscult.recipe.checks import check_count, lost, misfit
from auscult.recipe.dialect import Block
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
        left, right = self._factors(arrays)
        flat = weight.reshape(left.shape[0], -1)
        merged = np.empty(flat.shape, weight.dtype)
        for cut in self._rows(flat):
            merged[cut] = flat[cut].astype(np.float64) + self.scale * (
                left[cut].astype(np.float64) @ right
            )
        return [merged.reshape(weight.shape)]

    def _factors(self, arrays: Sequence[Array]) -> tuple[Array, Array]:
        """The two matrices whose product has the output rows of the weight."""
        _, a, b = arrays
        left, right = (b, a) if self.order == "ba" else (b.T, a.T)
        return left, right.astype(np.float64)

    def _rows(self, flat: Array) -> list[tuple[slice, ...]]:
        return list(block_slices((flat.shape[0],), elements=max(1, BLOCK // max(1, flat.shape[1]))))

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """The update taken off again, against the base weight, on a few columns of the product at a time."""
        weight = sources[0]
        left, right = self._factors(sources)
        flat, merged = weight.reshape(left.shape[0], -1), targets[0].reshape(left.shape[0], -1)
        eps, tiny = eps_of(weight.dtype), tiny_of(weight.dtype)
        errors = [0.0]
        for cut in self._rows(flat):
            update = self.scale * (left[cut].astype(np.float64) @ right)
            base, found = flat[cut].astype(np.float64), merged[cut].astype(np.float64) - update
            errors.append(worst(found, base, eps * (np.abs(base) + np.abs(update)) + tiny))
        return max(errors)

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[0]]

    def inverse(self) -> Op:
        raise lost(
            self,
            "base weight and update cannot be told from their sum",
            "keep the base checkpoint and the adapter",
        )

    def render(self, block: Block, names: Sequence[str]) -> list[str]:
        weight = block.held(names[0])
        product = (
            f"({names[2]} @ {names[1]})" if self.order == "ba" else f"({names[1]} @ {names[2]}).T"
        )
        return [f"({weight} + {self.scale} * {product}.reshape({weight}.shape))"]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 3)
        weight, a, b = (tuple(shape) for shape in shapes)
        left, right = (b, a) if self.order == "ba" else (a, b)
        fits = len(a) == len(b) == 2 and left[1] == right[0] and left[0] * right[1] == prod(weight)
        if not fits:
            raise misfit(
                self, "has factors that do not make up the weight", weight, f"A {a} and B {b}"
            )
        return [weight]
