"""Dequantize: integers with scale and zero point as real numbers, value = scale · (stored - zero point)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.blocks import measure_worst_error
from auscult.recipe.checks import check_axis, make_loss_error, make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.recipe.registry import make_op
from auscult.weights import Array, Quantization, Shape


@dataclass(frozen=True)
class Dequantize(Op):
    """Per tensor (one scale) or along `axis` (one scale for each index). Lossless up to 16 bits: the integers come back by
    rounding. Of int32 (biases), float32 keeps 24 bits. Where a scale is 0, all values are 0, and the integers are lost.

    Attributes:
        scale: One value, or one for each index of `axis`.
        zero_point: One value, or as many as `scale`.
        dtype: The stored integer type.
    """

    op: ClassVar[str] = "dequantize"
    scale: tuple[float, ...]
    zero_point: tuple[int, ...] = (0,)
    axis: int | None = None
    dtype: str = "int8"

    def __post_init__(self) -> None:
        check_quantization(
            self,
            self.scale,
            self.zero_point,
            self.axis,
            self.dtype,
            types=LOSSLESS_INTEGERS | {"int32"},
            may_be_zero=True,
        )

    @property
    def lossless(self) -> bool:
        return self.dtype in LOSSLESS_INTEGERS and all(value > 0 for value in self.scale)

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """Where integers are lost: against the values in float64."""
        if self.lossless:
            return super().error(sources, targets)
        errors = [0.0]
        for source, target in zip(sources, targets, strict=True):
            scale_shape = [1] * source.ndim
            if self.axis is not None:
                scale_shape[self.axis] = -1
            scale = np.asarray(self.scale, np.float32).astype(np.float64).reshape(scale_shape)
            zero_points = np.asarray(self.zero_point, np.float64).reshape(
                scale_shape if len(self.zero_point) > 1 else [1] * source.ndim
            )
            exact = (source.astype(np.float64) - zero_points) * scale
            errors.append(
                measure_worst_error(
                    target.astype(np.float64),
                    exact,
                    2 * 2.0**-23 * (np.abs(exact) + np.abs(zero_points * scale)),
                )
            )
        return max(errors)

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        for array in arrays:
            if array.dtype.name != self.dtype:
                raise make_misfit_error(
                    self, "starts from another dtype", self.dtype, array.dtype.name
                )
        affine = Quantization(
            np.asarray(self.scale, np.float32), np.asarray(self.zero_point, np.float32), self.axis
        )
        return [affine.dequantize(array) for array in arrays]

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return ["float32" for _ in dtypes]

    def inverse(self) -> Op:
        if not self.lossless:
            if self.dtype in LOSSLESS_INTEGERS:
                loss = "a scale of 0 keeps no integer"
            else:
                loss = "float32 keeps 24 of the 32 bits"
            raise make_loss_error(self, loss, "keep the quantised file")
        return make_op("quantize", self.scale, self.zero_point, self.axis, self.dtype)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        scale, zero = (
            block.dialect.array(values, "float32") for values in (self.scale, self.zero_point)
        )
        return [f"affine({x}, {scale}, {zero}, {self.axis})" for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        return check_scales(self, shapes, self.axis, len(self.scale))


LOSSLESS_INTEGERS = frozenset(("int4", "uint4", "int8", "uint8", "int16", "uint16"))
"""Integers whose every value, after scaling, float32 tells apart."""


def check_quantization(
    op: Op,
    scale: tuple[float, ...],
    zero_point: tuple[int, ...],
    axis: int | None,
    dtype: str,
    *,
    types: frozenset[str] = LOSSLESS_INTEGERS,
    may_be_zero: bool = False,
) -> None:
    """Scales are positive (or 0, where that is allowed), their number fits, and the type is one of `types`."""
    scales = np.asarray(scale, np.float32)
    are_positive = bool((scales >= 0).all()) if may_be_zero else bool((scales > 0).all())
    if not scale or not are_positive or not np.isfinite(scales).all():
        raise make_misfit_error(
            op, "needs positive scales", "finite numbers above 0 in float32", scale[:4]
        )
    if len(zero_point) not in (1, len(scale)) or (axis is None and len(scale) != 1):
        raise make_misfit_error(
            op,
            "has scales and zero points that do not fit together",
            "one, or one for each index of an axis",
        )
    if dtype not in types:
        raise make_misfit_error(
            op, "stores another kind of number", ", ".join(sorted(types)), dtype
        )


def check_scales(op: Op, shapes: Sequence[Shape], axis: int | None, scales: int) -> list[Shape]:
    """The shapes themselves, whose `axis` must have as many indices as there are scales."""
    for shape in shapes:
        if axis is not None:
            check_axis(op, axis, shape)
            if scales not in (1, shape[axis]):
                raise make_misfit_error(
                    op, f"needs one scale for each index of axis {axis}", shape[axis], scales
                )
    return [tuple(shape) for shape in shapes]
