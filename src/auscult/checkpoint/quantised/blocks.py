"""Codes with a scale, and perhaps a zero point, that numpy would spread over them: one for each block of some axes.

Graph formats store 4-bit weights so: codes [out, groups, group size], scales [out, groups, 1], and behind
them a reshape to [out, in].
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from auscult.checkpoint.quantised.bits import make_table_bounds
from auscult.checkpoint.quantised.coded import CodedWeight, DecodedRows, get_rounding
from auscult.errors import CheckpointError
from auscult.late import numpy as np
from auscult.weights import Array, Shape, Tensor

STEP_BOUND = 1.01
"""Largest error of a code in steps: rounding, and as much again at an end of the range that is cut off: signed codes reach one
step less far up than down, and a zero point is rounded too. Measured on NNCF's 8-bit and 4-bit weights: 0.92 and 0.99."""
FLOAT_MARGIN = 1.02
"""Of the bounds of 8-bit floats: the largest value of a group may lie above the largest code. Measured on NNCF's: 1.008."""
FLOAT_EPS = {"float8_e4m3fn": 2.0**-4, "float8_e5m2": 2.0**-3}
"""Half a unit in the last place of 1.0."""
FLOAT_TINY = {"float8_e4m3fn": 2.0**-10, "float8_e5m2": 2.0**-17}
"""Half the smallest step near 0."""


@dataclass(frozen=True, eq=False)
class BlockCodes:
    """The parts of a weight.

    Attributes:
        codes: Any shape.
        scale: A shape that spreads over the codes' by numpy's rules.
        zero_point: Likewise; None where it is zero.
        table: The value of each code, where it is not the code itself.
        scale_rounding: Largest relative error of a scale that was rounded after the codes were chosen; None where its type says it.
    """

    codes: Tensor
    scale: Tensor
    zero_point: Tensor | None = None
    table: Array | None = None
    scale_rounding: float | None = None

    def spreads(self) -> bool:
        """Whether scale and zero point fit the codes."""
        parts = [self.scale] if self.zero_point is None else [self.scale, self.zero_point]
        return all(part.size > 0 and spreads_over(part.shape, self.codes.shape) for part in parts)

    @property
    def group(self) -> int | None:
        """How many codes of the last axis share a scale, where there is more than one scale to a row of the weight."""
        shape = pad_shape(self.scale.shape, len(self.codes.shape))
        is_grouped = len(shape) >= 3 and shape[-1] == 1 and shape[-2] > 1
        return self.codes.shape[-1] if is_grouped else None


def pad_shape(shape: Shape, rank: int) -> Shape:
    """The shape with ones in front."""
    return (1,) * (rank - len(shape)) + shape


def spreads_over(shape: Shape, target: Shape) -> bool:
    """Whether numpy would broadcast `shape` to `target`."""
    if len(shape) > len(target):
        return False
    padded = pad_shape(shape, len(target))
    return all(side in (1, whole) for side, whole in zip(padded, target, strict=True))


def describe_block_codes(
    parts: BlockCodes, shape: Shape, dtype: str, scheme: str, bits: int
) -> CodedWeight:
    """The weight that the parts stand for.

    Args:
        shape: Of the weight: as many elements as there are codes, in their order.
        dtype: Short name of the format, as `Tensor.dtype` has it.
        scheme: The writer and its format in words.
        bits: Of one code.
    """
    codes = parts.codes
    block = prod(codes.shape[1:])
    row_length = shape[-1] if shape else 1
    rounding = parts.scale_rounding
    if rounding is None:
        rounding = get_rounding(parts.scale.dtype)

    def decode(first: int, last: int) -> DecodedRows:
        start, stop = first * row_length, last * row_length
        low, high = start // max(block, 1), -(-stop // max(block, 1))
        stored = codes.flat(low * block, high * block).reshape(high - low, *codes.shape[1:])
        steps = np.abs(_take_rows(parts.scale, codes, low, high))
        values, code_bounds = _decode_values(parts, stored, low, high)
        with np.errstate(over="ignore", invalid="ignore"):  # a damaged scale is for others to find
            values = values * _take_rows(parts.scale, codes, low, high)
            bounds = (1 + rounding) * code_bounds * steps + rounding * np.abs(values)
        bounds = np.broadcast_to(bounds, values.shape)
        window = slice(start - low * block, stop - low * block)
        rows = (last - first, row_length)
        return DecodedRows(
            values.reshape(-1)[window].reshape(rows), bounds.reshape(-1)[window].reshape(rows)
        )

    return CodedWeight(shape, dtype, scheme, bits, parts.group, decode)


def _decode_values(
    parts: BlockCodes, stored: Array, low: int, high: int
) -> tuple[Array, Array | float]:
    """What the codes stand for before the scale, and their bounds in steps.

    Raises:
        CheckpointError: If a code is beyond the table.
    """
    if parts.table is not None:
        is_float4 = parts.codes.dtype.startswith("float4")
        indices = stored.view(np.uint8) & 15 if is_float4 else stored.astype(np.uint8)
        if indices.size and indices.max() >= parts.table.size:
            raise CheckpointError(
                "has codes that its table has no value for", where=parts.codes.name
            )
        return parts.table[indices], make_table_bounds(parts.table)[indices]
    values = stored.astype(np.float32)
    if parts.codes.dtype in FLOAT_EPS:
        eps, tiny = FLOAT_EPS[parts.codes.dtype], FLOAT_TINY[parts.codes.dtype]
        bounds: Array = FLOAT_MARGIN * (eps * np.abs(values) + tiny)
        return values, bounds
    if parts.zero_point is None:
        return values, STEP_BOUND
    return values - _take_rows(parts.zero_point, parts.codes, low, high), STEP_BOUND


def _take_rows(part: Tensor, codes: Tensor, low: int, high: int) -> Array:
    """Slices `low:high` of the part along the codes' first axis."""
    values = part.numpy().astype(np.float32)
    values = values.reshape(pad_shape(part.shape, max(len(codes.shape), 1)))
    return values[low:high] if values.shape[0] > 1 else values
