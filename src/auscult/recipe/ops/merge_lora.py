"""MergeLora: a low-rank update added to its base weight (Hu et al. 2021), w' = w + scale · B·A with scale = alpha / rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal

import numpy as np

from auscult.recipe.blocks import (
    BLOCK_ELEMENTS,
    get_eps,
    get_tiny,
    iter_block_slices,
    measure_worst_error,
)
from auscult.recipe.checks import check_count, make_loss_error, make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape

LoraOrder = Literal["ba", "ab", "ba-turned"]
LORA_ORDERS: tuple[LoraOrder, ...] = ("ba", "ab", "ba-turned")


@dataclass(frozen=True)
class MergeLora(Op):
    """[w, A, B] -> [w'], computed in float64; the result has the dtype of w.

    Attributes:
        order: `ba` for A [rank, in], B [out, rank] and w + scale · B·A (loralib, PEFT; a convolution's B·A is reshaped to w);
            `ab` for A [in, rank], B [rank, out] and w + scale · (A·B)ᵀ (mlx-lm); `ba-turned` for A [rank, rows], B [width, rank]
            and w + scale · (B·A)ᵀ (an embedding of loralib or PEFT).
    """

    op: ClassVar[str] = "merge_lora"
    scale: float
    order: LoraOrder = "ba"

    def __post_init__(self) -> None:
        if self.order not in LORA_ORDERS:
            raise make_misfit_error(
                self, "has an unknown order", " or ".join(LORA_ORDERS), self.order
            )

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        weight = arrays[0]
        left_factor, right_factor = self._order_factors(arrays)
        flat = weight.reshape(left_factor.shape[0], -1)
        merged = np.empty(flat.shape, weight.dtype)
        for block_index in self._rows(flat):
            merged[block_index] = flat[block_index].astype(np.float64) + self.scale * (
                left_factor[block_index].astype(np.float64) @ right_factor
            )
        return [merged.reshape(weight.shape)]

    def _order_factors(self, arrays: Sequence[Array]) -> tuple[Array, Array]:
        """The two matrices whose product has the output rows of the weight."""
        _, a, b = arrays
        left_factor, right_factor = order_factors(a, b, self.order)
        return left_factor, right_factor.astype(np.float64)

    def _rows(self, flat: Array) -> list[tuple[slice, ...]]:
        return list(
            iter_block_slices(
                (flat.shape[0],), elements=max(1, BLOCK_ELEMENTS // max(1, flat.shape[1]))
            )
        )

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """The update taken off again, against the base weight, on a few columns of the product at a time."""
        weight = sources[0]
        left_factor, right_factor = self._order_factors(sources)
        flat, merged = (
            weight.reshape(left_factor.shape[0], -1),
            targets[0].reshape(left_factor.shape[0], -1),
        )
        eps, tiny = get_eps(weight.dtype), get_tiny(weight.dtype)
        errors = [0.0]
        for block_index in self._rows(flat):
            update = self.scale * (left_factor[block_index].astype(np.float64) @ right_factor)
            base, restored = (
                flat[block_index].astype(np.float64),
                merged[block_index].astype(np.float64) - update,
            )
            errors.append(
                measure_worst_error(restored, base, eps * (np.abs(base) + np.abs(update)) + tiny)
            )
        return max(errors)

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[0]]

    def inverse(self) -> Op:
        raise make_loss_error(
            self,
            "base weight and update cannot be told from their sum",
            "keep the base checkpoint and the adapter",
        )

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        weight = block.held(names[0])
        product = {
            "ba": f"({names[2]} @ {names[1]})",
            "ab": f"({names[1]} @ {names[2]}).T",
            "ba-turned": f"({names[2]} @ {names[1]}).T",
        }[self.order]
        return [f"({weight} + {self.scale} * {product}.reshape({weight}.shape))"]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 3)
        weight, a, b = (tuple(shape) for shape in shapes)
        left_shape, right_shape = (a, b) if self.order == "ab" else (b, a)
        is_fitting = (
            len(a) == len(b) == 2
            and left_shape[1] == right_shape[0]
            and left_shape[0] * right_shape[1] == prod(weight)
        )
        if not is_fitting:
            raise make_misfit_error(
                self, "has factors that do not make up the weight", weight, f"A {a} and B {b}"
            )
        return [weight]


def order_factors(a: Array, b: Array, order: LoraOrder) -> tuple[Array, Array]:
    """The two matrices whose product, left times right, is the update of the weight."""
    if order == "ba":
        return b, a
    if order == "ab":
        return b.T, a.T
    return a.T, b.T
