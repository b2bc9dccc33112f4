"""Where a tensor's elements lie, checked before use: shapes, byte counts, and layouts other than one plain array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Literal, NamedTuple

from auscult.checkpoint.file_array import FileArray
from auscult.checkpoint.source import Source, dtype_of, item_bytes
from auscult.errors import CheckpointError
from auscult.late import numpy as np
from auscult.weights import Array, Quantization, Shape, Storage, Tensor, TensorData

MAX_RANK = 32
MAX_ELEMENTS = 1 << 60
MAX_TENSORS = 1 << 18
"""More than any model has; tensors that share their bytes would let a small file list far more than memory holds."""
SUB_BYTE_BITS = {"int4": 4, "uint4": 4, "float4_e2m1fn": 4, "int2": 2, "uint2": 2}
"""Types whose elements share bytes in files, the first element in the lowest bits."""


def format_tensor_place(source: Source, name: str) -> str:
    """How errors name a tensor in a file."""
    return f'{source.where}, tensor "{name[:200]}"'


def check_shape(dims: Sequence[int], where: str) -> Shape:
    """`dims` as a shape that numpy can take.

    Raises:
        CheckpointError: If a side is negative, there are too many, or their product overflows.
    """
    if (
        len(dims) > MAX_RANK
        or min(dims, default=0) < 0
        or prod(side for side in dims if side) > MAX_ELEMENTS
    ):
        shown = f"{list(dims[:8])}{' and more' if len(dims) > 8 else ''}"
        raise CheckpointError(
            "has an impossible shape",
            where=where,
            found=shown[:200],
            hint="the file is damaged: fetch it again",
        )
    return tuple(int(side) for side in dims)


def check_count(source: Source, count: int) -> None:
    """Whether a file may list one tensor more.

    Raises:
        CheckpointError: If it already lists MAX_TENSORS.
    """
    if count >= MAX_TENSORS:
        raise CheckpointError(
            "lists too many tensors",
            where=source.where,
            expected=f"at most {MAX_TENSORS}",
            found="more",
        )


def count_stored_bytes(dtype: str, shape: Shape) -> int:
    """How many bytes the elements of a tensor take in a file, sub-byte types packed."""
    if dtype in SUB_BYTE_BITS:
        return -(-prod(shape) * SUB_BYTE_BITS[dtype] // 8)
    return prod(shape) * item_bytes(dtype)


def place_tensor(
    source: Source,
    span: tuple[int, int],
    name: str,
    dtype: str,
    shape: Shape,
    *,
    quantization: Quantization | None = None,
    byteorder: Literal["<", ">"] = "<",
    packed: bool = True,
) -> Tensor:
    """A tensor whose elements fill bytes `span[0]:span[1]` of `source`; `packed` if those under a byte share bytes.

    Raises:
        CheckpointError: If the bytes are outside the file or their number is not what dtype and shape need.
    """
    start, end = span
    if packed:
        needed_bytes = count_stored_bytes(dtype, shape)
    else:
        needed_bytes = prod(shape) * item_bytes(dtype)
    if end - start != needed_bytes:
        raise CheckpointError(
            "has the wrong number of bytes",
            where=format_tensor_place(source, name),
            expected=f"{needed_bytes} for {dtype} {list(shape)}",
            found=end - start,
            hint="the file is truncated or damaged: fetch it again",
        )
    source.view(start, needed_bytes)
    data: TensorData = FileArray(source, start, dtype, shape, byteorder=byteorder)
    if packed and dtype in SUB_BYTE_BITS:
        data = PackedArray(source, start, dtype, shape)
    if needed_bytes:
        storage = Storage(f"{source.name}@{source.start + start}")
    else:
        storage = None
    return Tensor(name, shape, dtype, data, needed_bytes, storage, quantization)


class PackedArray(NamedTuple):
    """Data whose elements are smaller than a byte."""

    source: Source
    offset: int
    dtype: str
    shape: Shape

    def array(self) -> Array:
        return self.flat(0, prod(self.shape)).reshape(self.shape)

    def flat(self, start: int, stop: int) -> Array:
        per_byte = 8 // SUB_BYTE_BITS[self.dtype]
        first, last = start // per_byte, -(-max(stop, start) // per_byte)
        raw = np.frombuffer(self.source.view(self.offset + first, last - first), np.uint8)
        return unpack_elements(raw, self.dtype)[
            start - first * per_byte : max(stop, start) - first * per_byte
        ]


def unpack_elements(raw: Array, dtype: str) -> Array:
    """Elements of a sub-byte type from the bytes that hold them, lowest bits first."""
    bits = SUB_BYTE_BITS[dtype]
    codes = (raw[:, None] >> np.arange(0, 8, bits, dtype=np.uint8)) & np.uint8((1 << bits) - 1)
    flat = codes.reshape(-1)
    if dtype.startswith("float"):
        return flat.view(dtype_of(dtype))
    if dtype.startswith("int"):
        sign = 1 << (bits - 1)
        return np.asarray(
            ((flat.astype(np.int8) ^ np.int8(sign)) - np.int8(sign)).astype(dtype_of(dtype))
        )
    return flat.astype(dtype_of(dtype))


class DecodedData(NamedTuple):
    """Data that can only be decoded as a whole."""

    decode: Callable[[], Array]

    def array(self) -> Array:
        return self.decode()

    def flat(self, start: int, stop: int) -> Array:
        return self.decode().reshape(-1)[start:stop]


class JoinedData(NamedTuple):
    """Data that lies in several 1-D pieces, one after the other.

    Attributes:
        sizes: Elements in each piece.
    """

    pieces: tuple[TensorData, ...]
    sizes: tuple[int, ...]
    shape: Shape
    dtype: str

    def array(self) -> Array:
        return self.flat(0, sum(self.sizes)).reshape(self.shape)

    def flat(self, start: int, stop: int) -> Array:
        parts: list[Array] = [np.empty(0, dtype_of(self.dtype))]
        first = 0
        for piece, size in zip(self.pieces, self.sizes, strict=True):
            low, high = max(start - first, 0), min(stop - first, size)
            if low < high:
                parts.append(piece.flat(low, high))
            first += size
        return np.concatenate(parts)
