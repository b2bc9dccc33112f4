"""ggml's block types: their sizes, and those that are dequantised on read.

A block holds a fixed number of consecutive elements with their own scale. Layouts:
https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from auscult.checkpoint.ggml_errors import BLOCK_ERRORS
from auscult.checkpoint.source import Source
from auscult.weights import Array, Shape, WeightStorage

PLAIN_TYPES = {
    0: "float32",
    1: "float16",
    24: "int8",
    25: "int16",
    26: "int32",
    27: "int64",
    28: "float64",
    30: "bfloat16",
}
"""ggml type numbers whose elements are plain numbers."""


@dataclass(frozen=True)
class BlockType:
    """A ggml type whose elements come in blocks."""

    name: str
    elements: int
    nbytes: int


BLOCK_TYPES = {
    number: BlockType(name, elements, nbytes)
    for number, name, elements, nbytes in (
        (2, "q4_0", 32, 18),
        (3, "q4_1", 32, 20),
        (6, "q5_0", 32, 22),
        (7, "q5_1", 32, 24),
        (8, "q8_0", 32, 34),
        (9, "q8_1", 32, 40),
        (10, "q2_k", 256, 84),
        (11, "q3_k", 256, 110),
        (12, "q4_k", 256, 144),
        (13, "q5_k", 256, 176),
        (14, "q6_k", 256, 210),
        (15, "q8_k", 256, 292),
        (16, "iq2_xxs", 256, 66),
        (17, "iq2_xs", 256, 74),
        (18, "iq3_xxs", 256, 98),
        (19, "iq1_s", 256, 50),
        (20, "iq4_nl", 32, 18),
        (21, "iq3_s", 256, 110),
        (22, "iq2_s", 256, 82),
        (23, "iq4_xs", 256, 136),
        (29, "iq1_m", 256, 56),
        (34, "tq1_0", 256, 54),
        (35, "tq2_0", 256, 66),
        (39, "mxfp4", 32, 17),
        (40, "nvfp4", 64, 36),
        (41, "q1_0", 128, 18),
    )
}
"""The block types by number. Those in DEQUANTIZE are read by auscult, most others by the gguf package."""

SLAB_BLOCKS = 1 << 15


def _read_halves(blocks: Array, offset: int, byteorder: str) -> NDArray[np.float32]:
    """The 16-bit float at byte `at` of each block, [blocks, 1] in float32."""
    return (
        np.ascontiguousarray(blocks[:, offset : offset + 2])
        .view(f"{byteorder}f2")
        .astype(np.float32)
    )


def _split_nibbles(packed: Array) -> NDArray[np.uint8]:
    """[blocks, 16] bytes as [blocks, 32]: the low halves first, then the high halves."""
    return np.concatenate((packed & np.uint8(15), packed >> np.uint8(4)), axis=1)


def _read_fifth_bits(blocks: Array, offset: int) -> NDArray[np.uint8]:
    """The 32-bit word at byte `at` of each block as [blocks, 32] bits, moved to bit 4."""
    words = np.ascontiguousarray(blocks[:, offset : offset + 4]).view("<u4")
    bits = (words >> np.arange(32, dtype=np.uint32)) & np.uint32(1)
    return np.left_shift(bits.astype(np.uint8), np.uint8(4))


def _dequantize_q8_0(blocks: Array, order: str) -> Array:
    return np.ascontiguousarray(blocks[:, 2:]).view(np.int8).astype(np.float32) * _read_halves(
        blocks, 0, order
    )


def _dequantize_q4_0(blocks: Array, order: str) -> Array:
    return _read_halves(blocks, 0, order) * (
        _split_nibbles(blocks[:, 2:]).astype(np.float32) - np.float32(8)
    )


def _dequantize_q4_1(blocks: Array, order: str) -> Array:
    return np.asarray(
        _read_halves(blocks, 0, order) * _split_nibbles(blocks[:, 4:]).astype(np.float32)
        + _read_halves(blocks, 2, order)
    )


def _dequantize_q5_0(blocks: Array, order: str) -> Array:
    codes = _split_nibbles(blocks[:, 6:]) | _read_fifth_bits(blocks, 2)
    return _read_halves(blocks, 0, order) * (codes.astype(np.float32) - np.float32(16))


def _dequantize_q5_1(blocks: Array, order: str) -> Array:
    codes = _split_nibbles(blocks[:, 8:]) | _read_fifth_bits(blocks, 4)
    return np.asarray(
        _read_halves(blocks, 0, order) * codes.astype(np.float32) + _read_halves(blocks, 2, order)
    )


DEQUANTIZE: dict[str, Callable[[Array, str], Array]] = {
    "q8_0": _dequantize_q8_0,
    "q4_0": _dequantize_q4_0,
    "q4_1": _dequantize_q4_1,
    "q5_0": _dequantize_q5_0,
    "q5_1": _dequantize_q5_1,
}
"""[blocks, bytes] in the file's byte order -> [blocks, elements] in float32."""
BIG_ENDIAN_TYPES = frozenset(("q8_0", "q4_0"))
"""Types whose big-endian layout is settled: gguf's own converter swaps the bytes of their scale and refuses the other types."""


@dataclass(frozen=True)
class BlockArray:
    """Data in ggml blocks, dequantised on read; only the blocks that are asked for are read."""

    source: Source
    offset: int
    type: BlockType
    shape: Shape
    byteorder: Literal["<", ">"] = "<"

    @property
    def weight_storage(self) -> WeightStorage:
        """The block type, the bits that its name says, and the values in a block."""
        bits = next(int(sign) for sign in self.type.name if sign.isdigit())
        return WeightStorage(f"ggml {self.type.name.upper()}", bits, self.type.elements)

    def array(self) -> Array:
        return self.flat(0, prod(self.shape)).reshape(self.shape)

    def flat(self, start: int, stop: int) -> Array:
        side = self.type.elements
        first, last = start // side, -(-max(stop, start) // side)
        values = np.empty(((last - first), side), np.float32)
        # in slabs, so that the scratch arrays stay small beside the result
        for low in range(first, last, SLAB_BLOCKS):
            high = min(low + SLAB_BLOCKS, last)
            view = self.source.view(
                self.offset + low * self.type.nbytes, (high - low) * self.type.nbytes
            )
            blocks = np.frombuffer(view, np.uint8).reshape(-1, self.type.nbytes)
            with np.errstate(
                all="ignore"
            ):  # a scale may be inf or nan: that is for the health check to say
                values[low - first : high - first] = self._dequantize(blocks)
        return values.reshape(-1)[start - first * side : max(stop, start) - first * side]

    def _dequantize(self, blocks: Array) -> Array:
        """[blocks, bytes] -> [blocks, elements]."""
        return decode_blocks(self.type.name, blocks, self.byteorder)


def decode_blocks(block_type: str, blocks: Array, byteorder: Literal["<", ">"] = "<") -> Array:
    """[blocks, bytes] -> [blocks, elements] in float32; `explain_unread_type` says of which types.

    Raises:
        ModuleNotFoundError: If the type is dequantised by the gguf package, and that is not installed.
    """
    if block_type in DEQUANTIZE:
        return DEQUANTIZE[block_type](blocks, byteorder)
    quants, kinds = load_gguf_quants()
    return np.asarray(quants.dequantize(blocks, kinds[block_type.upper()]), np.float32)


@cache
def load_gguf_quants() -> tuple[Any, Any]:
    """The gguf package's `quants`, and its block types by name.

    Raises:
        ModuleNotFoundError: If the package is not installed.
    """
    from gguf import GGMLQuantizationType, quants

    return quants, GGMLQuantizationType


def explain_unread_type(block_type: str, byteorder: str) -> str | None:
    """Why tensors of that type are not read; None if they are."""
    name = block_type.upper()
    if byteorder == ">":
        if block_type in BIG_ENDIAN_TYPES:
            return None
        return f"{name} blocks of a big-endian file are not dequantised"
    if block_type in DEQUANTIZE:
        return None
    if block_type not in BLOCK_ERRORS:
        return f"{name} blocks are not dequantised, neither here nor by the gguf package"
    try:
        load_gguf_quants()
    except ModuleNotFoundError:
        return f"{name} blocks are dequantised by the gguf package, which is not installed"
    return None
