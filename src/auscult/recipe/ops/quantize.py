"""Quantize: real numbers as integers with scale and zero point, stored = round(value / scale) + zero point, clamped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.checkpoint.source import dtype_of
from auscult.recipe.blocks import iter_block_slices, measure_worst_error
from auscult.recipe.checks import make_loss_error
from auscult.recipe.op import Op
from auscult.recipe.ops.cast import get_integer_limits
from auscult.recipe.ops.dequantize import Dequantize, check_quantization, check_scales
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Quantize(Op):
    """Rounds half to even. Loses up to half a scale for each value; values outside the range are clamped."""

    op: ClassVar[str] = "quantize"
    scale: tuple[float, ...]
    zero_point: tuple[int, ...] = (0,)
    axis: int | None = None
    dtype: str = "int8"

    def __post_init__(self) -> None:
        check_quantization(self, self.scale, self.zero_point, self.axis, self.dtype)

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        lowest, highest = get_integer_limits(self.dtype)
        result = []
        for array in arrays:
            scale_shape = [1] * array.ndim
            if self.axis is not None:
                scale_shape[self.axis] = -1
            scale = np.broadcast_to(
                np.asarray(self.scale, np.float32).astype(np.float64).reshape(scale_shape),
                array.shape,
            )
            zero_shape = scale_shape if len(self.zero_point) > 1 else [1] * array.ndim
            zero_points = np.broadcast_to(
                np.asarray(self.zero_point, np.float64).reshape(zero_shape), array.shape
            )
            stored = np.empty(array.shape, dtype_of(self.dtype))
            for block_index in iter_block_slices(array.shape):
                steps = (
                    np.rint(array[block_index].astype(np.float64) / scale[block_index])
                    + zero_points[block_index]
                )
                stored[block_index] = np.clip(steps, lowest, highest).astype(np.int32)
            result.append(stored)
        return result

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [self.dtype for _ in dtypes]

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """Against half a step of the scale; a clamped value is a failure."""
        errors = [0.0]
        for source, restored in zip(sources, self.undo().apply(targets), strict=True):
            scale_shape = [1] * source.ndim
            if self.axis is not None:
                scale_shape[self.axis] = -1
            half_step = (
                np.asarray(self.scale, np.float32).astype(np.float64).reshape(scale_shape) / 2
            )
            wide = source.astype(np.float64)
            errors.append(
                measure_worst_error(
                    restored.astype(np.float64), wide, half_step + np.abs(wide) * 2.0**-22
                )
            )
        return max(errors)

    def inverse(self) -> Op:
        raise make_loss_error(
            self,
            "rounding to steps of the scale drops up to half a step for each value",
            "keep the unquantised file",
        )

    def undo(self) -> Dequantize:
        return Dequantize(self.scale, self.zero_point, self.axis, self.dtype)

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        return check_scales(self, shapes, self.axis, len(self.scale))
