"""A bounded walker over MessagePack: mappings, lists and plain values are built, long byte strings stay in the file.

Encoding: https://github.com/msgpack/msgpack/blob/master/spec.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError

MAX_DEPTH = 100
MAX_ITEMS = 2_000_000
MAX_TEXT_BYTES = 1 << 16


@dataclass(frozen=True)
class BinarySpan:
    """Bytes `start:end` of the file."""

    start: int
    end: int


@dataclass(frozen=True)
class ExtensionSpan:
    """An application's own type, its payload at bytes `start:end` of the file."""

    code: int
    start: int
    end: int


SCALAR_FORMATS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
CONSTANT_VALUES = {0xC0: None, 0xC2: False, 0xC3: True}
# first byte: what it starts, and the type of the length that follows
SIZED_KINDS = {
    **{0xC4: ("binary", ">B"), 0xC5: ("binary", ">H"), 0xC6: ("binary", ">I")},
    **{0xC7: ("extension", ">B"), 0xC8: ("extension", ">H"), 0xC9: ("extension", ">I")},
    **{0xD9: ("text", ">B"), 0xDA: ("text", ">H"), 0xDB: ("text", ">I")},
    **{
        0xDC: ("list", ">H"),
        0xDD: ("list", ">I"),
        0xDE: ("mapping", ">H"),
        0xDF: ("mapping", ">I"),
    },
}
FIXED_EXTENSION_LENGTHS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}


@dataclass
class Unpacker:
    """Reads values one after the other.

    Raises:
        CheckpointError: From `value`, if the bytes are damaged, nested too deeply or too many.
    """

    source: Source
    position: int = 0
    items: int = MAX_ITEMS

    def error(self, problem: str, actual: object = None) -> CheckpointError:
        """An error about this file at the current position."""
        hint = "the file is damaged or is no MessagePack: fetch it again"
        return CheckpointError(
            f"{problem} near byte {self.position}",
            where=self.source.where,
            found=actual,
            hint=hint,
        )

    def _take_bytes(self, length: int) -> memoryview:
        view = self.source.view(self.position, length)
        self.position += length
        return view

    def _read_number(self, form: str) -> Any:
        return struct.unpack(form, self._take_bytes(struct.calcsize(form)))[0]

    def value(self, depth: int = 0) -> Any:
        """The next value: None, bool, int, float, str, Binary, Extension, list or dict."""
        self.items -= 1
        if self.items < 0 or depth > MAX_DEPTH:
            raise self.error("has too many values" if self.items < 0 else "is nested too deeply")
        first_byte = int(self._read_number(">B"))
        if first_byte < 0x80 or first_byte >= 0xE0:
            if first_byte < 0x80:
                return first_byte
            return first_byte - 0x100
        if first_byte < 0xC0:
            if first_byte < 0x90:
                kind = "mapping"
            elif first_byte < 0xA0:
                kind = "list"
            else:
                kind = "text"
            return self._read_sized_value(
                kind, first_byte & (0x1F if kind == "text" else 0x0F), depth
            )
        if first_byte in CONSTANT_VALUES:
            return CONSTANT_VALUES[first_byte]
        if first_byte in SCALAR_FORMATS:
            return self._read_number(SCALAR_FORMATS[first_byte])
        if first_byte in FIXED_EXTENSION_LENGTHS:
            return self._read_sized_value("extension", FIXED_EXTENSION_LENGTHS[first_byte], depth)
        if first_byte not in SIZED_KINDS:
            raise self.error("has a byte that starts no value", actual=hex(first_byte))
        kind, form = SIZED_KINDS[first_byte]
        return self._read_sized_value(kind, int(self._read_number(form)), depth)

    def _read_sized_value(self, kind: str, length: int, depth: int) -> Any:
        if kind == "mapping":
            return self._read_mapping(length, depth)
        if kind == "list":
            return [self.value(depth + 1) for _ in range(length)]
        if kind == "text":
            return bytes(self._take_bytes(length)[:MAX_TEXT_BYTES]).decode("utf-8", "replace")
        code = int(self._read_number(">b")) if kind == "extension" else 0
        start = self.position
        self._take_bytes(length)
        if kind == "extension":
            return ExtensionSpan(code, start, self.position)
        return BinarySpan(start, self.position)

    def _read_mapping(self, length: int, depth: int) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for _ in range(length):
            key = self.value(depth + 1)
            if isinstance(key, (list, dict)) or key in result:
                raise self.error(
                    "has a mapping with a key that is no name, or comes twice",
                    actual=repr(key)[:100],
                )
            result[key] = self.value(depth + 1)
        return result
