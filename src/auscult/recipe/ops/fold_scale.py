"""FoldScale: a norm's gain multiplied into the layer behind it, as converters write it for inference.

With y = W (γ x̂ + β) + b, W' = W γ along the input axis; W β belongs in the bias, so a shift must be zero here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.blocks import get_eps, get_tiny, iter_block_slices, measure_worst_error
from auscult.recipe.checks import check_axis, check_count, make_loss_error, make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class FoldScale(Op):
    """[w, gamma] or [w, gamma, beta] -> [w * gamma], computed in float64; a beta that is given must be zero.

    Attributes:
        dim: Axis of w that counts input channels: 1 for Linear and Conv.
    """

    op: ClassVar[str] = "fold_scale"
    dim: int = 1

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        if len(arrays) == 3 and arrays[2].any():
            raise make_misfit_error(self, "the norm's shift is not zero, so it belongs in a bias")
        weight, scale = arrays[0], self._reshape_scale(arrays)
        folded = np.empty(weight.shape, weight.dtype)
        for block_index in iter_block_slices(weight.shape):
            folded[block_index] = (
                weight[block_index].astype(np.float64)
                * np.broadcast_to(scale, weight.shape)[block_index]
            )
        return [folded]

    def _reshape_scale(self, arrays: Sequence[Array]) -> Array:
        scale_shape = [1] * arrays[0].ndim
        scale_shape[self.dim] = -1
        return arrays[1].astype(np.float64).reshape(scale_shape)

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """w' against w * gamma."""
        folded = targets[0].astype(np.float64)
        expected = sources[0].astype(np.float64) * self._reshape_scale(sources)
        tolerance = get_eps(targets[0].dtype) * np.abs(expected) + get_tiny(targets[0].dtype)
        return measure_worst_error(folded, expected, tolerance)

    def inverse(self) -> Op:
        raise make_loss_error(self, "the norm's gain and the layer's weight are one product")

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:  # noqa: ARG002 - plain arithmetic in every framework
        shape_text = ", ".join("-1" if axis == self.dim else "1" for axis in range(self.dim + 1))
        return [f"{names[0]} * {names[1]}.reshape({shape_text})"]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 2, 3)
        check_axis(self, self.dim, shapes[0])
        for shape in shapes[1:]:
            if tuple(shape) != (shapes[0][self.dim],):
                raise make_misfit_error(
                    self,
                    "the norm is not as wide as the layer's input",
                    (shapes[0][self.dim],),
                    shape,
                )
        return [tuple(shapes[0])]

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[0]]
