"""Weights that MNN's converter compressed: its IDST coding, 8-bit integers, and float16.

IDST (`IDSTQuan.type` 1) is a byte with the number of sides, the sides (16 or 32 bits each), a byte with the number of
distinct codes (0 for 256), the codes in 8 bits, and for each value the number of its code among the sorted codes, in as
few bits as needed, the highest bit first. A value is code * scale, or code * scale + offset; scales are for equal runs of
the weight. Source: source/core/ConvolutionCommon.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from auscult.checkpoint.file_array import FileArray
from auscult.checkpoint.flatbuffer import FlatbufferTable
from auscult.checkpoint.quantised.blocks import STEP_BOUND
from auscult.checkpoint.quantised.coded import CodedWeight, DecodedRows
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.late import numpy as np
from auscult.weights import Array, Shape, Tensor

DENSE, SPARSE, HALF, INTEGER = 1, 2, 3, 4
MAX_SIDES = 4
OLD_LOWEST_CODE = -128
"""Lowest code of files that do not say it."""


@dataclass(frozen=True)
class MnnPiece:
    """Bytes in the model or in the file of weights beside it."""

    source: Source
    start: int
    length: int

    def numbers(self, dtype: str) -> Array:
        """The bytes as numbers."""
        count = self.length // np.dtype(dtype).itemsize
        return np.asarray(FileArray(self.source, self.start, dtype, (count,)).array())


@dataclass(frozen=True)
class _CodeReader:
    """The codes of a weight: each is a number of `bits`, and stands for an entry of `samples` where there are some."""

    piece: MnnPiece
    start: int
    count: int
    bits: int
    samples: Array | None

    def read(self, first: int, last: int) -> Array:
        """Codes `first:last` as int16."""
        low = first * self.bits // 8
        high = -(-last * self.bits // 8)
        raw = np.frombuffer(self.piece.source.view(self.start + low, high - low), np.uint8)
        if self.samples is None:
            return raw.view(np.int8).astype(np.int16)
        skipped = first * self.bits - low * 8
        stream = np.unpackbits(raw)[skipped : skipped + (last - first) * self.bits]
        weights = 1 << np.arange(self.bits - 1, -1, -1)
        indices = stream.reshape(-1, self.bits) @ weights
        if indices.size and indices.max() >= len(self.samples):
            raise CheckpointError(
                "has a number of a code that there is not", where=self.piece.source.where
            )
        return np.asarray(self.samples[indices], np.int16)


def read_compressed(
    quantised: FlatbufferTable, buffer: MnnPiece, scales: MnnPiece, name: str, shape: Shape
) -> Tensor | Skip:
    """The weight of an `IDSTQuan` table.

    Args:
        buffer: Its codes.
        scales: Its scales, in float32 or, where the table says so, float16.
        shape: Of the weight.

    Raises:
        CheckpointError: If the codes do not fit the shape.
    """
    kind, count = int(quantised.scalar(2, "i")), prod(shape)
    if kind == HALF:
        _check_size(buffer, 2 * count, name)
        data = FileArray(buffer.source, buffer.start, "float16", shape)
        return Tensor(name, shape, "float16", data, buffer.length)
    if quantised.vector(13, 4) is not None or kind not in (DENSE, INTEGER):
        what = "sparse" if kind in (DENSE, SPARSE) else f"of coding {kind}"
        reason = f"stored {what}, which is not read; convert the model again without compression"
        return Skip(name, reason, is_weight=True)
    codes = _locate_codes(quantised, buffer, count, name)
    dtype = "float16" if quantised.scalar(15, "b") else "float32"
    factors = scales.numbers(dtype).astype(np.float32)
    return _describe_codes(quantised, codes, factors, name, shape)


def _check_size(piece: MnnPiece, expected: int, name: str) -> None:
    if piece.length != expected:
        raise CheckpointError(
            "has the wrong number of bytes",
            where=f'{piece.source.where}, tensor "{name[:200]}"',
            expected=expected,
            found=piece.length,
            hint="the file is truncated or damaged: fetch it again",
        )


def _locate_codes(
    quantised: FlatbufferTable, buffer: MnnPiece, count: int, name: str
) -> _CodeReader:
    """Where the codes of a weight lie, behind their own header."""
    if quantised.scalar(2, "i") == INTEGER:
        _check_size(buffer, count, name)
        return _CodeReader(buffer, buffer.start, count, 8, None)
    window = buffer.source.window(buffer.start, buffer.length)
    sides = window.bytes(0, 1)[0]
    side_bytes = 4 if quantised.scalar(11, "?") else 2
    position = 1 + sides * side_bytes
    kind = f"<u{side_bytes}"
    own_count = prod(np.frombuffer(window.view(1, sides * side_bytes), kind).tolist())
    if not 0 < sides <= MAX_SIDES or own_count != count:
        raise CheckpointError(
            "has codes for another number of values",
            where=f'{buffer.source.where}, tensor "{name[:200]}"',
            expected=count,
            found=own_count,
            hint="the file is damaged: fetch it again",
        )
    sample_count = window.bytes(position, 1)[0] or 256
    samples = np.sort(np.frombuffer(window.view(position + 1, sample_count), np.int8))
    position += 1 + sample_count
    bits = max((sample_count - 1).bit_length(), 1)
    window.view(position, -(-count * bits // 8))
    return _CodeReader(buffer, buffer.start + position, count, bits, samples)


def _describe_codes(
    quantised: FlatbufferTable, codes: _CodeReader, factors: Array, name: str, shape: Shape
) -> Tensor | Skip:
    """A weight whose scales are for equal runs of its values; each with an offset where the quantiser was asymmetric."""
    factor, lowest = float(quantised.scalar(4, "f")), int(quantised.scalar(8, "i"))
    is_old = quantised.scalar(2, "i") == INTEGER and lowest == 0 and abs(factor) < 1e-6
    has_offsets = bool(quantised.scalar(9, "i")) or is_old
    if not is_old and not quantised.scalar(10, "?"):
        factors = factors * np.float32(factor)
    steps: Array = factors
    offsets: Array = np.zeros(1, np.float32)
    if has_offsets:
        lowest = lowest or OLD_LOWEST_CODE
        steps, offsets = factors[1::2], factors[0::2][: factors.size // 2]
        if lowest < 0:
            offsets = offsets - np.float32(lowest) * steps
    if not steps.size or codes.count % steps.size or (has_offsets and factors.size % 2):
        return Skip(name, f"{factors.size} scales do not fit {codes.count} codes", is_weight=True)
    run, row_length = codes.count // steps.size, shape[-1] if shape else 1

    def decode(first: int, last: int) -> DecodedRows:
        start, stop = first * row_length, last * row_length
        stored = codes.read(start, stop).astype(np.float32)
        places = np.arange(start, stop) // run
        step = steps[places]
        with np.errstate(over="ignore", invalid="ignore"):
            values = stored * step + (offsets[places] if has_offsets else np.float32(0))
        shape_of_rows = (last - first, row_length)
        bounds = STEP_BOUND * np.abs(step)
        return DecodedRows(values.reshape(shape_of_rows), bounds.reshape(shape_of_rows))

    inner = prod(shape[1:])
    group = run if run < inner else None
    data = CodedWeight(
        shape, f"mnn_int{codes.bits}", f"MNN, int{codes.bits}", codes.bits, group, decode
    )
    return Tensor(name, shape, data.dtype, data, codes.piece.length + 4 * factors.size)
