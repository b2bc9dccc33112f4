"""Write a flatbuffer from nested fields by number, so that samples need no generated schema.

A table is `{field number: value}`. A value is a string, a table, a list of tables or of strings, a numpy array (a vector of
its type), or `Scalar`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import flatbuffers
import numpy as np

Fields = dict[int, Any]


class Scalar(NamedTuple):
    """A number in a table: its type as the struct module writes it."""

    code: str
    value: Any


SLOT_WRITERS = {
    "b": "PrependInt8Slot",
    "B": "PrependUint8Slot",
    "?": "PrependBoolSlot",
    "i": "PrependInt32Slot",
    "I": "PrependUint32Slot",
    "q": "PrependInt64Slot",
    "Q": "PrependUint64Slot",
    "f": "PrependFloat32Slot",
}


def pack(root: Fields, identifier: bytes | None = None) -> bytes:
    """The bytes of a file."""
    builder = flatbuffers.Builder(1024)
    table = _write_table(builder, root)
    if identifier is None:
        builder.Finish(table)
    else:
        builder.Finish(table, identifier)
    return bytes(builder.Output())


def _write_table(builder: Any, fields: Fields) -> int:
    offsets = {
        number: _write_value(builder, value)
        for number, value in fields.items()
        if not isinstance(value, Scalar)
    }
    builder.StartObject(max(fields, default=0) + 1)
    for number, value in fields.items():
        if isinstance(value, Scalar):
            getattr(builder, SLOT_WRITERS[value.code])(number, value.value, None)
        else:
            builder.PrependUOffsetTRelativeSlot(number, offsets[number], 0)
    return int(builder.EndObject())


def _write_value(builder: Any, value: Any) -> int:
    if isinstance(value, str):
        return int(builder.CreateString(value))
    if isinstance(value, dict):
        return _write_table(builder, value)
    if isinstance(value, np.ndarray):
        flat = np.ascontiguousarray(value).reshape(-1)
        if flat.size == 0:
            builder.StartVector(1, 0, 1)
            return int(builder.EndVector())
        return int(builder.CreateNumpyVector(flat))
    entries = [_write_value(builder, entry) for entry in value]
    builder.StartVector(4, len(entries), 4)
    for entry in reversed(entries):
        builder.PrependUOffsetTRelative(entry)
    return int(builder.EndVector())
