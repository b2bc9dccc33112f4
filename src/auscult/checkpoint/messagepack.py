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
class Binary:
    """Bytes `start:end` of the file."""

    start: int
    end: int


@dataclass(frozen=True)
class Extension:
    """An application's own type, its payload at bytes `start:end` of the file."""

    code: int
    start: int
    end: int


SCALARS = {
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
CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
# first byte: what it starts, and the type of the length that follows
SIZED = {
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
FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}


@dataclass
class Unpacker:
    """Reads values one after the other.

    Raises:
        CheckpointError: From `value`, if the bytes are damaged, nested too deeply or too many.
    """

    source: Source
    position: int = 0
    items: int = MAX_ITEMS

    def error(self, what: str, found: object = None) -> CheckpointError:
        """An error about this file at the current position."""
        hint = "the file is damaged or is no MessagePack: fetch it again"
        return CheckpointError(
            f"{what} near byte {self.position}", where=str(self.source.path), found=found, hint=hint
        )

    def _take(self, length: int) -> memoryview:
        view = self.source.view(self.position, length)
        self.position += length
        return view

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def value(self, depth: int = 0) -> Any:
        """The next value: None, bool, int, float, str, Binary, Extension, list or dict."""
        self.items -= 1
        if self.items < 0 or depth > MAX_DEPTH:
            raise self.error("has too many values" if self.items < 0 else "is nested too deeply")
        first = int(self._number(">B"))
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 0x100
        if first < 0xC0:
            kind = "mapping" if first < 0x90 else "list" if first < 0xA0 else "text"
            return self._sized(kind, first & (0x1F if kind == "text" else 0x0F), depth)
        if first in CONSTANTS:
            return CONSTANTS[first]
        if first in SCALARS:
            return self._number(SCALARS[first])
        if first in FIXED_EXTENSIONS:
            return self._sized("extension", FIXED_EXTENSIONS[first], depth)
        if first not in SIZED:
            raise self.error("has a byte that starts no value", found=hex(first))
        kind, form = SIZED[first]
        return self._sized(kind, int(self._number(form)), depth)

    def _sized(self, kind: str, length: int, depth: int) -> Any:
        if kind == "mapping":
            return self._mapping(length, depth)
        if kind == "list":
            return [self.value(depth + 1) for _ in range(length)]
        if kind == "text":
            return bytes(self._take(length)[:MAX_TEXT_BYTES]).decode("utf-8", "replace")
        code = int(self._number(">b")) if kind == "extension" else 0
        start = self.position
        self._take(length)
        return (
            Extension(code, start, self.position)
            if kind == "extension"
            else Binary(start, self.position)
        )

    def _mapping(self, length: int, depth: int) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for _ in range(length):
            key = self.value(depth + 1)
            if isinstance(key, (list, dict)) or key in result:
                raise self.error(
                    "has a mapping with a key that is no name, or comes twice",
                    found=repr(key)[:100],
                )
            result[key] = self.value(depth + 1)
        return result
