"""A Value of a Core ML program: its type, and what it is where the program itself holds it.

Field numbers: https://github.com/apple/coremltools/blob/main/mlmodel/format/MIL.proto.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from auscult.checkpoint.elements import (
    SUB_BYTE_BITS,
    check_shape,
    count_stored_bytes,
    unpack_elements,
)
from auscult.checkpoint.protobuf import Message
from auscult.checkpoint.source import dtype_of, item_bytes
from auscult.weights import Array, Shape

DTYPES = {
    1: "bool",
    10: "float16",
    11: "float32",
    12: "float64",
    13: "bfloat16",
    21: "int8",
    22: "int16",
    23: "int32",
    24: "int64",
    25: "int4",
    31: "uint8",
    32: "uint16",
    33: "uint32",
    34: "uint64",
    35: "uint4",
    36: "uint2",
    40: "float8_e4m3fn",
    41: "float8_e5m2",
}
"""MIL element types by number; 1-, 3- and 6-bit integers occur only in compressed weights."""
CODE_DTYPES = {31: "uint8", 35: "uint4", 36: "uint2", 37: "uint1", 38: "uint6", 39: "uint3"}
"""Types of places in a palette, and of masks, by number."""
_CODE_BITS = {"uint1": 1, "uint3": 3, "uint6": 6, **SUB_BYTE_BITS}
MIN_LISTED_INTEGERS = 10
"""Shorter lists of integers are strides, pads and axes: parameters of operations, not weights."""
MAX_PLAIN_VALUES = 64


def read_value_type(value: Message, where: str) -> tuple[int, Shape]:
    """Element type number and shape of a Value; 0 where it is no tensor."""
    kind = value.message(2)
    tensor = kind.message(1) if kind else None
    if tensor is None:
        return 0, ()
    sides = []
    for dimension in tensor.messages(3):
        constant = dimension.message(1)
        sides.append(constant.unsigned(1) if constant else 0)
    return tensor.signed(1), check_shape(sides, where)


def _find_content(value: Message) -> Message | None:
    """The TensorValue of an immediate Value."""
    immediate_value = value.message(3)
    if immediate_value:
        return immediate_value.message(1)
    return None


def is_weight(value: Message) -> bool:
    """Whether an immediate value is listed: floats of rank 1 or more, or many integers; not the parameters of operations."""
    number, shape = read_value_type(value, "a constant")
    dtype = DTYPES.get(number, "")
    return bool(shape) and ("float" in dtype or prod(shape) >= MIN_LISTED_INTEGERS)


def read_plain_value(value: Message) -> Any:
    """An immediate number, bool or string, or a short tuple of them; None for anything else."""
    content = _find_content(value)
    if content is None:
        return None
    strings = content.message(4)
    if strings is not None:
        texts: list[Any] = list(strings.texts(1)[:MAX_PLAIN_VALUES])
        if len(texts) == 1:
            return texts[0]
        return tuple(texts)
    number, shape = read_value_type(value, "a constant")
    dtype = DTYPES.get(number)
    if dtype is None or prod(shape) > MAX_PLAIN_VALUES:
        return None
    array = read_immediate(value, dtype, shape)
    if array is None:
        return None
    if shape:
        return tuple(array.astype(float if "float" in dtype else int).reshape(-1).tolist())
    return array.item()


def count_bits(dtype: str) -> int:
    """How many bits an element takes in a blob file."""
    if dtype in _CODE_BITS:
        return _CODE_BITS[dtype]
    return 8 * item_bytes(dtype)


def read_immediate_bytes(value: Message) -> bytes | None:
    """The bytes of a value that the program holds itself as bytes."""
    content = _find_content(value)
    holder = content.message(7) if content is not None else None
    if holder is None:
        return None
    return b"".join(
        item if isinstance(item, bytes) else holder.source.bytes(item[0], item[1] - item[0])
        for item in holder.fields.get(1, [])
        if not isinstance(item, int)
    )


def read_immediate(value: Message, dtype: str, shape: Shape) -> Array | None:
    """The elements that a program holds itself; None if their number is wrong."""
    content = _find_content(value)
    if content is None:
        return None
    kind, count = dtype_of(dtype), prod(shape)
    for number, code in ((1, "<f4"), (6, "<f8"), (7, kind)):
        holder = content.message(number)
        if holder is None:
            continue
        raw = b"".join(
            item if isinstance(item, bytes) else holder.source.bytes(item[0], item[1] - item[0])
            for item in holder.fields.get(1, [])
            if not isinstance(item, int)
        )
        if number == 7 and dtype in SUB_BYTE_BITS:
            if len(raw) == count_stored_bytes(dtype, shape):
                return unpack_elements(np.frombuffer(raw, np.uint8), dtype)[:count].reshape(shape)
            return None
        fits = len(raw) == count * np.dtype(code).itemsize
        if fits:
            return np.frombuffer(raw, code).astype(kind).reshape(shape)
        return None
    for number in (2, 3, 5):
        holder = content.message(number)
        if holder is not None:
            integers = holder.integers(1)
            if len(integers) != count:
                return None
            return np.array(integers, np.int64).astype(kind).reshape(shape)
    return None
