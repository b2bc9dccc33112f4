"""Compressed weights of a Core ML program: what a `constexpr_` operation makes of its constants.

| operation | gives |
|---|---|
| constexpr_cast | the same values |
| constexpr_affine_dequantize | integers with a scale for each index of one axis |
| constexpr_blockwise_shift_scale | the same, or a scale for each block |
| constexpr_lut_to_dense | places in a palette, or in a palette for each block |
| constexpr_sparse_to_dense | the values that are not zero, and where they are |
| constexpr_lut_to_sparse, constexpr_sparse_blockwise_shift_scale | the values of the last, compressed |

A palette of vectors is not undone: its entries stand for several values at once, so that nothing bounds one of them.
Source: https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html (iOS 16 and 18).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple, Protocol

import numpy as np

from auscult.checkpoint.elements import DecodedData
from auscult.checkpoint.quantised.bits import unpack_bits
from auscult.checkpoint.quantised.blockwise import (
    ROUNDING_BOUND,
    BlockGrid,
    make_affine_weight,
    make_palette_weight,
)
from auscult.checkpoint.quantised.coded import CodedWeight, DecodedRows, are_scales
from auscult.weights import Array, Quantization, Shape, Tensor, TensorData

WRITER = "Core ML"
INTEGER_LIMITS = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int4": (-8, 7),
    "uint4": (0, 15),
    "uint2": (0, 3),
}
INTEGER_BITS = {"int8": 8, "uint8": 8, "int4": 4, "uint4": 4, "uint2": 2}
MAX_PALETTE_BITS = 8


class PackedCodes(NamedTuple):
    """Unsigned codes of 1, 2, 3, 4, 6 or 8 bits, one after the other from the lowest bit on.

    Attributes:
        stored: The bytes.
    """

    stored: TensorData
    bits: int
    shape: Shape

    def array(self) -> Array:
        """[shape]"""
        return self.flat(0, prod(self.shape)).reshape(self.shape)

    def flat(self, start: int, stop: int) -> Array:
        """Codes `start:stop`, as uint8."""
        first = start // 8 * 8  # eight codes fill whole bytes, whatever their bits
        raw = self.stored.flat(first * self.bits // 8, -(-stop * self.bits // 8))
        if self.bits == 1:
            return np.unpackbits(raw, bitorder="little")[start - first : stop - first]
        return unpack_bits(raw[None], self.bits)[0, start - first : stop - first]


class Operands(Protocol):
    """What an operation is given, by the names of its inputs."""

    def tensor(self, name: str) -> Tensor | None:
        """A constant, or what another operation makes; None where it is not given or not read."""

    def codes(self, name: str) -> PackedCodes | None:
        """A constant of unsigned integers of a few bits."""

    def number(self, name: str) -> int | None:
        """A constant integer."""

    def masked(self, name: str) -> Tensor | None:
        """The whole weight of which an operation for sparse weights gave the values that are not zero."""


def build_compressed(op: str, operands: Operands) -> Tensor | None:
    """The weight that a `constexpr_` operation gives; None where it is of a kind that is not undone."""
    build = BUILDERS.get(op)
    if build is None:
        return None
    return build(operands)


def build_cast(operands: Operands) -> Tensor | None:
    """Values in another type."""
    return operands.tensor("source_val")


def build_affine(operands: Operands) -> Tensor | None:
    """Integers with scales: a Quantization where there is one scale or one axis of them, else blocks."""
    codes = operands.tensor("quantized_data") or operands.tensor("data")
    scale = operands.tensor("scale")
    zero = operands.tensor("zero_point") or operands.tensor("offset")
    if codes is None or scale is None or not are_scales(scale):
        return None
    quantization = _read_axis_scales(operands, codes, scale, zero)
    if quantization is not None:
        return replace(codes, quantization=quantization)
    data = _make_affine_blocks(codes.data, codes.dtype, codes.shape, scale, zero)
    return None if data is None else _hold(codes, data)


def _read_axis_scales(
    operands: Operands, codes: Tensor, scale: Tensor, zero: Tensor | None
) -> Quantization | None:
    axis = operands.number("axis")
    if axis is not None:
        axes = [axis] if scale.size > 1 else []
    elif len(scale.shape) == len(codes.shape):
        axes = [index for index, side in enumerate(scale.shape) if side > 1]
    else:
        axes = [] if scale.size == 1 else [-1, -1]
    if len(axes) > 1 or any(
        not 0 <= axis < len(codes.shape) or codes.shape[axis] != scale.size for axis in axes
    ):
        return None
    zeros = np.zeros(1, np.int32) if zero is None else zero.values().reshape(-1)
    if zeros.size not in (1, scale.size):
        return None
    return Quantization(scale.values().reshape(-1), zeros, axes[0] if axes else None)


def _make_affine_blocks(
    codes: TensorData, dtype: str, shape: Shape, scale: Tensor, zero: Tensor | None
) -> CodedWeight | None:
    grid = BlockGrid.fit(shape, scale.shape)
    if grid is None or dtype not in INTEGER_LIMITS:
        return None
    if zero is not None and zero.shape != scale.shape:
        return None
    return make_affine_weight(
        codes,
        grid,
        scale.values(),
        None if zero is None else zero.values(),
        limits=INTEGER_LIMITS[dtype],
        bits=INTEGER_BITS[dtype],
        writer=WRITER,
    )


def build_palette(operands: Operands) -> Tensor | None:
    """Places in a palette. iOS 16 gives the bytes that hold them and a shape beside them."""
    table, shape = operands.tensor("lut"), operands.tensor("shape")
    if table is None:
        return None
    codes = operands.codes("indices")
    if shape is not None and codes is not None:
        bits = max(int(table.size).bit_length() - 1, 1)
        sides = tuple(int(side) for side in shape.values().reshape(-1))
        if prod(codes.shape) != -(-prod(sides) * bits // 8):
            return None
        codes = PackedCodes(codes.stored, bits, sides)
    if codes is None:
        return None
    data = _make_palette(codes, codes.shape, codes.bits, table)
    return None if data is None else _hold(table, data)


def _make_palette(codes: TensorData, shape: Shape, bits: int, table: Tensor) -> CodedWeight | None:
    entries = 1 << bits
    if table.quantization is None and not are_scales(table) and table.dtype not in INTEGER_LIMITS:
        return None
    if table.shape == (entries,):
        tables = table.values().reshape((1,) * len(shape) + (entries,))
    elif len(table.shape) == len(shape) + 2 and table.shape[-2:] == (entries, 1):
        tables = table.values().reshape(table.shape[:-1])
    else:
        return None
    grid = BlockGrid.fit(shape, tables.shape[:-1])
    if grid is None or bits > MAX_PALETTE_BITS:
        return None
    return make_palette_weight(
        codes, grid, tables, bits=bits, writer=WRITER, entry_error=_find_entry_error(table)
    )


def _find_entry_error(table: Tensor) -> float:
    """How far an entry of a palette may lie from what it was before it was quantised itself."""
    if isinstance(table.data, CodedWeight):
        return float(table.data.bounds().max(initial=0.0))
    if table.quantization is not None:
        return ROUNDING_BOUND * float(np.abs(table.quantization.scale).max())
    return 0.0


def build_sparse(operands: Operands) -> Tensor | None:
    """Values that are not zero, put where they belong."""
    whole = operands.masked("nonzero_data")
    if whole is not None:
        return whole
    values, mask = operands.tensor("nonzero_data"), _read_mask(operands, "mask")
    if values is None or mask is None:
        return None
    data = SparseData(values.data, mask)
    whole = replace(values, shape=mask.shape, data=DecodedData(data.array), storage=None)
    return whole if data.fits(values.size) else None


def build_sparse_palette(operands: Operands) -> Tensor | None:
    """Places in a palette of the values that are not zero: the whole weight."""
    codes, table = operands.codes("indices_nonzero_data"), operands.tensor("lut")
    mask = _read_mask(operands, "indices_mask")
    if codes is None or table is None or mask is None:
        return None
    data = SparseData(codes, mask)
    weight = _make_palette(data, mask.shape, codes.bits, table)
    if weight is None or not data.fits(prod(codes.shape)):
        return None
    return _hold(table, _mask_weight(weight, mask))


def build_sparse_affine(operands: Operands) -> Tensor | None:
    """Integers with scales of the values that are not zero: the whole weight."""
    codes, scale = operands.tensor("nonzero_data"), operands.tensor("scale")
    zero, mask = operands.tensor("offset"), _read_mask(operands, "data_mask")
    if codes is None or scale is None or mask is None or not are_scales(scale):
        return None
    data = SparseData(codes.data, mask)
    weight = _make_affine_blocks(data, codes.dtype, mask.shape, scale, zero)
    if weight is None or not data.fits(codes.size):
        return None
    return _hold(codes, _mask_weight(weight, mask))


BUILDERS: Mapping[str, Callable[[Operands], Tensor | None]] = {
    "constexpr_cast": build_cast,
    "constexpr_affine_dequantize": build_affine,
    "constexpr_blockwise_shift_scale": build_affine,
    "constexpr_lut_to_dense": build_palette,
    "constexpr_sparse_to_dense": build_sparse,
    "constexpr_lut_to_sparse": build_sparse_palette,
    "constexpr_sparse_blockwise_shift_scale": build_sparse_affine,
}
SPARSE_VALUE_OPERATIONS = frozenset(
    ("constexpr_lut_to_sparse", "constexpr_sparse_blockwise_shift_scale")
)
"""Operations with two outputs, a mask and values, that `constexpr_sparse_to_dense` puts together."""


def _read_mask(operands: Operands, name: str) -> PackedCodes | None:
    """One bit for each value of the whole weight. iOS 16 gives bytes and a shape beside them."""
    mask, shape = operands.codes(name), operands.tensor("shape")
    if mask is None or shape is None:
        return mask
    sides = tuple(int(side) for side in shape.values().reshape(-1))
    if prod(mask.shape) != -(-prod(sides) // 8):
        return None
    return PackedCodes(mask.stored, 1, sides)


@dataclass(frozen=True)
class SparseData:
    """Values of which those that are not zero are stored.

    Attributes:
        mask: 1 where a value is stored.
    """

    stored: TensorData
    mask: PackedCodes

    def fits(self, count: int) -> bool:
        """Whether as many values are stored as the mask says, in bits of one."""
        return self.mask.bits == 1 and int(self.mask.array().sum()) == count

    def array(self) -> Array:
        """[shape]"""
        return self.flat(0, prod(self.mask.shape)).reshape(self.mask.shape)

    def flat(self, start: int, stop: int) -> Array:
        """Values `start:stop`; what stands before them is counted."""
        before = int(self.mask.flat(0, start).sum())
        present = self.mask.flat(start, stop).astype(bool)
        stored = self.stored.flat(before, before + int(present.sum()))
        values = np.zeros(len(present), stored.dtype)
        values[present] = stored
        return values


def _mask_weight(weight: CodedWeight, mask: PackedCodes) -> CodedWeight:
    """The weight with zeros where the mask has them; these are exact, because they stand for nothing else."""
    length = weight.row_length

    def decode(first: int, last: int) -> DecodedRows:
        rows = weight.decode(first, last)
        present = mask.flat(first * length, last * length).reshape(last - first, length)
        return DecodedRows(rows.values * present, rows.bounds * present)

    return replace(weight, decode=decode)


def _hold(part: Tensor, data: CodedWeight) -> Tensor:
    nbytes = -(-prod(data.shape) * data.bits // 8)
    return Tensor(part.name, data.shape, data.dtype, data, nbytes)
