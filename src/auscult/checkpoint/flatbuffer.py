"""A bounded reader of FlatBuffers tables and vectors, without a schema: fields are named by their number.

Layout: https://flatbuffers.dev/internals/. A table starts with the distance back to its vtable, which gives each field's
place in the table; strings, vectors and sub-tables are reached by forward offsets. Every step is checked against the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.weights import Array

MAX_TABLES = 1_000_000
MAX_FIELDS = 64
MAX_TEXT_BYTES = 1 << 16
MAX_ALL_TEXT_BYTES = 1 << 26

ScalarCode = Literal["b", "B", "?", "h", "H", "i", "I", "q", "Q", "f", "d"]
"""Scalar types, as the struct module writes them."""
SCALAR_STRUCTS = {code: struct.Struct("<" + code) for code in get_args(ScalarCode)}


@dataclass
class _FileState:
    """What the tables of a file share.

    Attributes:
        tables: How many more may be opened: offsets may share a table or a string, so that a small file could list billions.
        text: How many more bytes of text may be read.
        vtables: Those read before, as writers share them between tables of one kind.
    """

    data: memoryview
    tables: int = field(default_factory=lambda: MAX_TABLES)
    text: int = MAX_ALL_TEXT_BYTES
    vtables: dict[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass
class FlatbufferTable:
    """One table.

    Args:
        position: Of its first byte in the source.

    Raises:
        CheckpointError: From the constructor and from every accessor, if anything points outside the file.
    """

    source: Source
    position: int
    file: _FileState = field(repr=False)
    fields: tuple[int, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        self.file.tables -= 1
        if self.file.tables < 0:
            raise self.error("has too many tables", expected=f"at most {MAX_TABLES}", actual="more")
        vtable = self.position - self._read_number("i", self.position)
        cached_fields = self.file.vtables.get(vtable)
        if cached_fields is None:
            self.fields = self._read_vtable(vtable)
        else:
            self.fields = cached_fields

    def _read_vtable(self, position: int) -> tuple[int, ...]:
        size = self._read_number("H", position)
        if size < 4 or size % 2:
            raise self.error(
                "has a damaged table", expected="an even size of at least 4", actual=size
            )
        self.source.view(position, size)
        count = min(size // 2 - 2, MAX_FIELDS)
        self.file.vtables[position] = struct.unpack_from(f"<{count}H", self.file.data, position + 4)
        return self.file.vtables[position]

    @classmethod
    def root(cls, source: Source) -> FlatbufferTable:
        """The table that a file starts with."""
        data = source.view(0, source.size)
        return cls(source, struct.unpack("<I", source.view(0, 4))[0], _FileState(data))

    def error(
        self, problem: str, expected: object = None, actual: object = None
    ) -> CheckpointError:
        """An error about this file."""
        hint = "the file is damaged: fetch it again"
        return CheckpointError(
            problem, where=self.source.where, expected=expected, found=actual, hint=hint
        )

    def _read_number(self, code: ScalarCode, position: int) -> Any:
        form = SCALAR_STRUCTS[code]
        if position < 0 or position + form.size > len(self.file.data):
            self.source.view(position, form.size)  # says what is wrong
        return form.unpack_from(self.file.data, position)[0]

    def _place(self, number: int) -> int:
        """Where the field's value is, 0 if it is absent."""
        offset = self.fields[number] if number < len(self.fields) else 0
        if offset:
            return self.position + offset
        return 0

    def _follow_offset(self, position: int) -> int:
        return position + int(self._read_number("I", position))

    def scalar(self, number: int, code: ScalarCode, default: Any = 0) -> Any:
        """A number or a bool."""
        position = self._place(number)
        if position:
            return self._read_number(code, position)
        return default

    def table(self, number: int) -> FlatbufferTable | None:
        """A sub-table, or the table of a union."""
        position = self._place(number)
        if position:
            return FlatbufferTable(self.source, self._follow_offset(position), self.file)
        return None

    def vector(self, number: int, itemsize: int) -> tuple[int, int] | None:
        """First byte and number of items of a vector; None if it is absent."""
        position = self._place(number)
        if not position:
            return None
        start = self._follow_offset(position)
        count = int(self._read_number("I", start))
        self.source.view(start + 4, count * itemsize)
        return start + 4, count

    def tables(self, number: int) -> Iterator[FlatbufferTable]:
        """The tables of a vector."""
        start, count = self.vector(number, 4) or (0, 0)
        for index in range(count):
            yield FlatbufferTable(self.source, self._follow_offset(start + 4 * index), self.file)

    def numbers(self, number: int, code: ScalarCode) -> Array:
        """A vector of scalars as a read-only view of the file; empty if it is absent."""
        kind = np.dtype("<" + code)
        start, count = self.vector(number, kind.itemsize) or (0, 0)
        return np.frombuffer(self.source.view(start, count * kind.itemsize), kind)

    def text(self, number: int) -> str:
        """A string of at most 64 KiB, "" if it is absent; bytes that are not UTF-8 become replacement characters."""
        start, count = self.vector(number, 1) or (0, 0)
        return self._decode_text(start, count)

    def texts(self, number: int) -> list[str]:
        """The strings of a vector, each like that of `text`."""
        start, count = self.vector(number, 4) or (0, 0)
        result = []
        for index in range(count):
            place = self._follow_offset(start + 4 * index)
            result.append(self._decode_text(place + 4, int(self._read_number("I", place))))
        return result

    def _decode_text(self, start: int, count: int) -> str:
        self.file.text -= count + 1
        if count > MAX_TEXT_BYTES or self.file.text < 0:
            raise self.error(
                "has text that is too long",
                expected=f"at most {MAX_TEXT_BYTES} bytes in a string",
                actual=count,
            )
        return self.source.bytes(start, count).decode("utf-8", "replace")
