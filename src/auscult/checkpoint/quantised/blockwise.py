"""Weights of a graph whose scales or palettes belong to blocks: what ONNX and Core ML write, as `CodedWeight`.

The numbers of the blocks have the weight's rank, and along each axis one entry for as many values as fit: a scale of
[16, 1, 1] for a weight of [16, 32, 5] is one for each output channel, one of [2, 16, 1] for each half of the first axis and
each index of the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

from auscult.checkpoint.quantised.bits import make_table_bounds
from auscult.checkpoint.quantised.coded import (
    UNIFORM_RMS_SHARE,
    CodedWeight,
    DecodedRows,
    get_rounding,
)
from auscult.late import numpy as np
from auscult.weights import Array, Shape, TensorData

ROUNDING_BOUND = 0.51
"""Largest error of a code in steps: half of one, and the rounding of the scale in float32."""
END_BOUND = 1.02
"""The same at the lowest and the highest code, where a range that does not fit is cut off by up to a step. Source: the
quantisers of ONNX Runtime and coremltools, whose 2 ** bits codes are one fewer on one side of zero."""
PALETTE_END_BOUND = 4.0
"""Largest error at the ends of a palette, in gaps to the next entry: k-means puts an entry in the middle of a tail. The most
was 3.8 over palettes of 2 to 8 bits of 1,000 and 20,000 normal, uniform and Laplace weights."""
TWO_ENTRY_RMS_SHARE = 0.14
"""Largest rms error of a palette of two entries as a share of its bounds: 0.07 to 0.13 of the same weights, and 0.2 of
unrelated ones, which such wide bounds let through."""


@dataclass(frozen=True)
class BlockGrid:
    """How the values of a weight share the numbers of blocks.

    Attributes:
        shape: Of the weight.
        blocks: How many blocks there are along each axis.
        lengths: Values of a block along each axis; the last one may be shorter.
    """

    shape: Shape
    blocks: Shape
    lengths: Shape

    @classmethod
    def fit(cls, shape: Shape, blocks: Shape) -> BlockGrid | None:
        """The grid of that many blocks; None where they do not divide the weight evenly."""
        if len(shape) != len(blocks) or not shape or min(shape) < 1 or min(blocks) < 1:
            return None
        if any(side % count for side, count in zip(shape, blocks, strict=True)):
            return None
        lengths = tuple(side // count for side, count in zip(shape, blocks, strict=True))
        return cls(shape, blocks, lengths)

    @classmethod
    def cut(cls, shape: Shape, axis: int, length: int) -> BlockGrid:
        """One number for each value, but for one axis: there for blocks of `length`."""
        lengths = [1] * len(shape)
        lengths[axis] = length
        blocks = tuple(-(-side // size) for side, size in zip(shape, lengths, strict=True))
        return cls(shape, blocks, tuple(lengths))

    @property
    def group(self) -> int | None:
        """Values that share a scale along the one axis that is cut into blocks; None where none is."""
        cut = [
            length
            for side, length in zip(self.shape, self.lengths, strict=True)
            if 1 < length < side
        ]
        return cut[0] if len(cut) == 1 else None

    def index_rows(self, first: int, last: int) -> tuple[Array, ...]:
        """Index into the blocks for rows `first:last`: one array for each axis, which broadcast to [rows, row length]."""
        rows = np.arange(first, last)
        leading = np.unravel_index(rows, self.shape[:-1]) if len(self.shape) > 1 else ()
        places = [
            (place // length)[:, None]
            for place, length in zip(leading, self.lengths[:-1], strict=True)
        ]
        return (*places, (np.arange(self.shape[-1]) // self.lengths[-1])[None, :])


@dataclass(frozen=True, eq=False)
class AffineBlocks:
    """value = (code - zero) * scale.

    Attributes:
        codes: The integers, in the weight's order.
        scale: One for each block, [blocks].
        zero: The same, or None for zero.
        limits: Lowest and highest code.
    """

    codes: TensorData
    grid: BlockGrid
    scale: Array
    zero: Array | None
    limits: tuple[int, int]

    def decode(self, first: int, last: int) -> DecodedRows:
        """Rows `first:last` of the weight."""
        length = self.grid.shape[-1]
        codes = self.codes.flat(first * length, last * length)
        codes = codes.astype(np.float32).reshape(last - first, length)
        index = self.grid.index_rows(first, last)
        scale = self.scale.astype(np.float32)[index]
        zero = 0.0 if self.zero is None else self.zero.astype(np.float32)[index]
        with np.errstate(over="ignore", invalid="ignore"):
            values = (codes - zero) * scale
            steps = np.where(np.isin(codes, self.limits), END_BOUND, ROUNDING_BOUND)
            bounds = steps * np.abs(scale) + get_rounding(self.scale.dtype.name) * np.abs(values)
        return DecodedRows(values.astype(np.float32), bounds.astype(np.float32))


@dataclass(frozen=True, eq=False)
class PaletteBlocks:
    """value = table[code], with a table for each block.

    Attributes:
        codes: Places in the table, in the weight's order.
        tables: [blocks..., entries].
        entry_error: How far an entry may lie from what it was before it was quantised itself.
    """

    codes: TensorData
    grid: BlockGrid
    tables: Array
    entry_error: float = 0.0

    @cached_property
    def bounds(self) -> Array:
        """[blocks..., entries]: how far a value may lie from the entry that stands for it."""
        entries = self.tables.shape[-1]
        tables = self.tables.astype(np.float32).reshape(-1, entries)
        bounds = np.stack([make_palette_bounds(table) for table in tables])
        rounding = get_rounding(self.tables.dtype.name) * np.abs(tables)
        bounds = bounds * (2 * ROUNDING_BOUND) + 2 * rounding + 2 * self.entry_error
        return np.asarray(bounds.reshape(self.tables.shape))

    def decode(self, first: int, last: int) -> DecodedRows:
        """Rows `first:last` of the weight."""
        length = self.grid.shape[-1]
        codes = self.codes.flat(first * length, last * length)
        codes = codes.astype(np.intp).reshape(last - first, length) % self.tables.shape[-1]
        index = (*self.grid.index_rows(first, last), codes)
        return DecodedRows(self.tables.astype(np.float32)[index], self.bounds[index])


def make_palette_bounds(table: Array) -> Array:
    """For each entry half the wider gap to a neighbour; several gaps at the ends."""
    distinct = np.unique(table)
    if len(distinct) < 2:  # one entry for all says nothing of what it stands for
        return np.zeros_like(table)
    bounds = make_table_bounds(distinct)
    bounds[[0, -1]] = np.diff(distinct)[[0, -1]] * PALETTE_END_BOUND
    return np.asarray(bounds[np.searchsorted(distinct, table)])


def make_affine_weight(
    codes: TensorData,
    grid: BlockGrid,
    scale: Array,
    zero: Array | None,
    *,
    limits: tuple[int, int],
    bits: int,
    writer: str,
) -> CodedWeight:
    """A weight of integers with a scale for each block.

    Args:
        writer: Whose format it is, such as `ONNX`.
    """
    blocks = AffineBlocks(codes, grid, scale, zero, limits)
    name = f"{writer.lower().replace(' ', '')}_q{bits}"
    return CodedWeight(grid.shape, name, f"{writer} blocks", bits, grid.group, blocks.decode)


def make_palette_weight(
    codes: TensorData,
    grid: BlockGrid,
    tables: Array,
    *,
    bits: int,
    writer: str,
    entry_error: float = 0.0,
) -> CodedWeight:
    """A weight of places in a table, [blocks..., entries]."""
    blocks = PaletteBlocks(codes, grid, tables, entry_error)
    name = f"{writer.lower().replace(' ', '')}_pal{bits}"
    group = grid.group or (prod(grid.lengths) if prod(grid.blocks) > 1 else None)
    if tables.shape[-1] == 2:
        rms_share = TWO_ENTRY_RMS_SHARE
    else:
        rms_share = UNIFORM_RMS_SHARE
    return CodedWeight(grid.shape, name, f"{writer} palette", bits, group, blocks.decode, rms_share)
