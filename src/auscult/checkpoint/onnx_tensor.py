"""ONNX's TensorProto as a Tensor: raw bytes, typed fields, or a file beside the model.

Field numbers and encodings: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from functools import partial
from math import prod

import numpy as np

from auscult.checkpoint.beside import open_data_file
from auscult.checkpoint.elements import (
    SUB_BYTE_BITS,
    DecodedData,
    JoinedData,
    check_shape,
    count_stored_bytes,
    format_tensor_place,
    place_tensor,
    unpack_elements,
)
from auscult.checkpoint.file_array import FileArray
from auscult.checkpoint.protobuf import ByteSpan, Message, decode_varints
from auscult.checkpoint.source import Source, dtype_of
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Array, Shape, Tensor, TensorData

DIMS, DATA_TYPE, SEGMENT, NAME, RAW_DATA, EXTERNAL_DATA, DATA_LOCATION = 1, 2, 3, 8, 9, 13, 14
FLOAT_DATA, INT32_DATA, INT64_DATA, DOUBLE_DATA, UINT64_DATA = 4, 5, 7, 10, 11
EXTERNAL = 1

DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4_e2m1fn",
    24: "float8_e8m0fnu",
    25: "uint2",
    26: "int2",
}
TYPED_FIELDS = {
    "float32": FLOAT_DATA,
    "complex64": FLOAT_DATA,
    "float64": DOUBLE_DATA,
    "complex128": DOUBLE_DATA,
} | {
    "int64": INT64_DATA,
    "uint32": UINT64_DATA,
    "uint64": UINT64_DATA,
}
"""Where elements without raw bytes lie; every other type is in int32_data."""


def read_tensor(message: Message, name: str, externals: dict[str, Source]) -> Tensor | Skip:
    """The tensor that a TensorProto describes, unread.

    Args:
        externals: Files beside the model that were opened already, by location; added to.

    Raises:
        CheckpointError: If its bytes are not all there, or its external file lies outside the model's folder.
    """
    source = message.source
    dtype = DTYPES.get(message.signed(DATA_TYPE))
    if dtype is None:
        return Skip(
            name,
            f"ONNX element type {message.signed(DATA_TYPE)} is not a number that auscult reads",
            is_weight=True,
        )
    if SEGMENT in message:
        return Skip(name, "stored in segments, which ONNX itself does not load", is_weight=True)
    shape = check_shape(message.integers(DIMS, limit=64), format_tensor_place(source, name))
    if message.signed(DATA_LOCATION) == EXTERNAL:
        external, span = _locate_external_data(
            message, name, count_stored_bytes(dtype, shape), externals
        )
        return place_tensor(external, span, name, dtype, shape)
    raw = message.spans_of(RAW_DATA)
    if raw:
        return place_tensor(source, raw[-1], name, dtype, shape)
    return _read_typed_data(message, name, dtype, shape)


def _read_typed_data(message: Message, name: str, dtype: str, shape: Shape) -> Tensor:
    number = TYPED_FIELDS.get(dtype, INT32_DATA)
    values = message.fields.get(number, [])
    spans = tuple(value for value in values if isinstance(value, tuple))
    if number in (FLOAT_DATA, DOUBLE_DATA):
        if len(spans) == 1 == len(values):
            return place_tensor(message.source, spans[0], name, dtype, shape)
        return _join_pieces(message, name, dtype, shape, number)
    stored = count_stored_bytes(dtype, shape) if dtype in SUB_BYTE_BITS else prod(shape)
    if len(spans) == 1 == len(values):
        # every varint takes 1 to 10 bytes, so the shape is bounded by the file before anything is decoded
        if not stored <= spans[0][1] - spans[0][0] <= stored * 10:
            raise _make_count_error(
                message, name, stored, f"{spans[0][1] - spans[0][0]} bytes of packed integers"
            )
        decode = partial(_decode_packed, message.source, spans[0], stored, dtype, shape)
        return Tensor(name, shape, dtype, DecodedData(decode), count_stored_bytes(dtype, shape))
    integers = message.integers(number)
    if len(integers) != stored:
        raise _make_count_error(message, name, stored, len(integers))
    width = _choose_integer_type(dtype)
    array = np.array([value & ((1 << 8 * width.itemsize) - 1) for value in integers], width)
    return Tensor.of(name, _convert_to_elements(array, dtype, shape))


def _join_pieces(message: Message, name: str, dtype: str, shape: Shape, number: int) -> Tensor:
    """Floats that were written one by one or in several packed runs."""
    values, kind = message.fields.get(number, []), dtype_of(dtype)
    part_dtype = np.dtype("<f4" if number == FLOAT_DATA else "<f8")
    if all(isinstance(value, bytes) and len(value) == part_dtype.itemsize for value in values):
        raw = b"".join(value for value in values if isinstance(value, bytes))
        if len(raw) != prod(shape) * kind.itemsize:
            raise _make_count_error(message, name, prod(shape), len(raw) / kind.itemsize)
        return Tensor.of(name, np.frombuffer(raw, kind).reshape(shape))
    spans = message.spans_of(number)
    sizes = tuple((end - start) // kind.itemsize for start, end in spans)
    if any((end - start) % kind.itemsize for start, end in spans) or sum(sizes) != prod(shape):
        raise _make_count_error(message, name, prod(shape), sum(sizes))
    pieces: list[TensorData] = [
        FileArray(message.source, span[0], dtype, (size,))
        for span, size in zip(spans, sizes, strict=True)
    ]
    return Tensor(
        name,
        shape,
        dtype,
        JoinedData(tuple(pieces), sizes, shape, dtype),
        prod(shape) * kind.itemsize,
    )


def _make_count_error(
    message: Message, name: str, expected: int, actual: object
) -> CheckpointError:
    where, hint = format_tensor_place(message.source, name), "the file is damaged: fetch it again"
    return CheckpointError(
        "has the wrong number of values", where=where, expected=expected, found=actual, hint=hint
    )


def _choose_integer_type(dtype: str) -> np.dtype[np.unsignedinteger]:
    return np.dtype(f"u{1 if dtype in SUB_BYTE_BITS else dtype_of(dtype).itemsize}")


def _decode_packed(source: Source, span: ByteSpan, count: int, dtype: str, shape: Shape) -> Array:
    return _convert_to_elements(
        decode_varints(source, span, count, _choose_integer_type(dtype)), dtype, shape
    )


def _convert_to_elements(integers: Array, dtype: str, shape: Shape) -> Array:
    """Bit patterns as the elements they stand for."""
    if dtype in SUB_BYTE_BITS:
        return unpack_elements(integers, dtype)[: prod(shape)].reshape(shape)
    return integers.view(dtype_of(dtype)).reshape(shape)


def _locate_external_data(
    message: Message, name: str, needed: int, externals: dict[str, Source]
) -> tuple[Source, ByteSpan]:
    """The file beside the model, and the bytes of it that are the tensor's."""
    entries = {entry.text(1): entry.text(2) for entry in message.messages(EXTERNAL_DATA)}
    location = entries.get("location", "")
    if location not in externals:
        externals[location] = open_data_file(message.source, location)
    source = externals[location]
    offset = _parse_number(entries.get("offset", "0"), message, name)
    if "length" in entries:
        length = _parse_number(entries["length"], message, name)
    else:
        length = needed
    return source, (offset, offset + length)


def _parse_number(text: str, message: Message, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise CheckpointError(
            "has an external offset or length that is no number",
            where=format_tensor_place(message.source, name),
            found=text[:40],
        )
    return int(text)
