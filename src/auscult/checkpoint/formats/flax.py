"""Flax checkpoints: MessagePack with arrays as extension types, as `flax.serialization.to_bytes` writes them.

Extension 1 is an array (shape, name of the type, bytes), 2 a complex number, 3 a numpy scalar. Arrays over 1 GB come in chunks
and are joined. Layouts are flax's own: Dense kernels [in, out], Conv kernels [*kernel, in, out].
Encoding: https://github.com/google/flax/blob/main/flax/serialization.py.
"""

from __future__ import annotations

from math import prod
from typing import Any

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import JoinedData, check_shape, format_tensor_place, place_tensor
from auscult.checkpoint.messagepack import BinarySpan, ExtensionSpan, Unpacker
from auscult.checkpoint.source import ML_DTYPES, Source, dtype_of
from auscult.errors import CheckpointError
from auscult.weights import Tensor

FORMAT = "flax"
CHECKED_WITH = ("flax 0.12.8",)
ARRAY_CODE, COMPLEX_CODE, SCALAR_CODE = 1, 2, 3
CHUNKED_KEY = "__msgpack_chunked_array__"
DTYPES = ML_DTYPES | frozenset(
    (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
)


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - MessagePack has no magic, but starts plainly enough
    """A MessagePack mapping with at least one entry, whose first key is a printable string."""
    if len(head) < 3:
        return False
    header_length = {0xDE: 3, 0xDF: 5}.get(head[0], 1 if 0x81 <= head[0] <= 0x8F else 0)
    if not header_length or len(head) < header_length + 3:
        return False
    key_byte = head[header_length]
    if 0xA1 <= key_byte <= 0xBF:
        start, length = header_length + 1, key_byte & 0x1F
    elif key_byte == 0xD9:
        start, length = header_length + 2, head[header_length + 1]
    else:
        return False
    key = head[start : start + length]
    return bool(key) and key.isascii() and key.decode("ascii").isprintable()


def read(source: Source) -> Contents:
    """Build the tree of a checkpoint; arrays stay in the file.

    Raises:
        CheckpointError: If the file is damaged, or holds no mapping.
    """
    unpacker = Unpacker(source)
    root = unpacker.value()
    if unpacker.position != source.size:
        raise unpacker.error(
            "has bytes behind its end", actual=f"{source.size - unpacker.position} bytes"
        )
    tree = _build_tree(root, source, "")
    if not isinstance(tree, dict):
        raise CheckpointError(
            "holds no mapping of names to arrays",
            where=source.where,
            expected="a mapping",
            found=type(tree).__name__,
        )
    return Contents(tree)


def _build_tree(value: Any, source: Source, name: str) -> Any:
    """The value with its arrays as Tensors; `name` is its dotted path."""
    if isinstance(value, dict):
        if CHUNKED_KEY in value:
            return _join_chunks(value, source, name)
        return {
            key: _build_tree(item, source, f"{name}.{key}" if name else str(key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_build_tree(item, source, f"{name}.{index}") for index, item in enumerate(value)]
    if isinstance(value, ExtensionSpan):
        return _decode_extension(value, source, name)
    if isinstance(value, BinarySpan):
        return f"{value.end - value.start} bytes"
    return value


def _decode_extension(value: ExtensionSpan, source: Source, name: str) -> Tensor | complex | str:
    if value.code in (ARRAY_CODE, SCALAR_CODE):
        return _describe_array(value, source, name)
    if value.code == COMPLEX_CODE:
        parts = _read_parts(value, source)
        if len(parts) == 2 and all(isinstance(part, (int, float)) for part in parts):
            return complex(*parts)
    return f"extension type {value.code}, {value.end - value.start} bytes"


def _read_parts(value: ExtensionSpan, source: Source) -> list[Any]:
    """The list that an extension's payload is."""
    unpacker = Unpacker(source.window(value.start, value.end - value.start), items=64)
    parts = unpacker.value()
    if isinstance(parts, list):
        return parts
    return []


def _describe_array(value: ExtensionSpan, source: Source, name: str) -> Tensor:
    parts = _read_parts(value, source)
    where = format_tensor_place(source, name)
    if len(parts) != 3 or not isinstance(parts[2], BinarySpan) or not _is_integer_list(parts[0]):
        raise CheckpointError(
            "has an array that is not a shape, a type and bytes",
            where=where,
            hint="the file is damaged: fetch it again",
        )
    sides, dtype, data = parts
    if isinstance(dtype, BinarySpan):  # written by Python 2 or with use_bin_type=False
        dtype = source.bytes(value.start + dtype.start, min(dtype.end - dtype.start, 64)).decode(
            "ascii", "replace"
        )
    if dtype not in DTYPES:
        raise CheckpointError(
            "has an array of an unknown type", where=where, found=repr(dtype)[:60]
        )
    span = (value.start + data.start, value.start + data.end)
    return place_tensor(source, span, name, dtype, check_shape(sides, where), packed=False)


def _is_integer_list(values: Any) -> bool:
    return isinstance(values, list) and all(type(item) is int for item in values)


def _join_chunks(value: dict[Any, Any], source: Source, name: str) -> Tensor:
    where = format_tensor_place(source, name)
    sides, chunks = _list_from_mapping(value.get("shape")), _list_from_mapping(value.get("chunks"))
    if not _is_integer_list(sides) or not all(isinstance(chunk, ExtensionSpan) for chunk in chunks):
        raise CheckpointError(
            "has an array in chunks that are no arrays",
            where=where,
            hint="the file is damaged: fetch it again",
        )
    shape = check_shape(sides, where)
    pieces = [_describe_array(chunk, source, name) for chunk in chunks]
    kinds = sorted({piece.dtype for piece in pieces})
    sizes = tuple(piece.size for piece in pieces)
    if len(kinds) != 1 or sum(sizes) != prod(shape):
        raise CheckpointError(
            "has chunks that do not fill it",
            where=where,
            expected=prod(shape),
            found=f"{sum(sizes)} of {kinds}",
        )
    data = JoinedData(tuple(piece.data for piece in pieces), sizes, shape, kinds[0])
    return Tensor(name, shape, kinds[0], data, prod(shape) * dtype_of(kinds[0]).itemsize)


def _list_from_mapping(value: Any) -> list[Any]:
    """A tuple that flax wrote as a mapping from "0", "1" and so on."""
    if not isinstance(value, dict):
        if isinstance(value, list):
            return value
        return []
    return [value[key] for key in sorted(value, key=lambda key: (len(str(key)), str(key)))]
