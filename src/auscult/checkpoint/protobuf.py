"""A bounded walker over the protocol-buffers wire format: field numbers and byte ranges, no schema, no copies.

The format is described at https://protobuf.dev/programming-guides/encoding/. A message is walked once, its payloads are
remembered as byte ranges of the file; nothing inside a payload is looked at until it is asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.weights import Array

MAX_DEPTH = 100
MAX_FIELDS = 20_000_000
MAX_FIELDS_PER_MESSAGE = 1_000_000
MAX_TEXT_BYTES = 1 << 16
MAX_INTEGERS = 1 << 20
VARINT_BYTES = 10
SLAB_BYTES = 1 << 20
SMALL_BYTES = 4096

ByteSpan = tuple[int, int]
"""First byte and the byte after the last, in the source."""
FieldValue = int | bytes | ByteSpan
"""A varint, the bytes of a fixed32 or fixed64, or the span of a length-delimited payload."""


@dataclass
class _FieldBudget:
    """How many more fields may be walked in this file, so that a small hostile file cannot cost minutes."""

    fields: int = MAX_FIELDS


@dataclass
class Message:
    """One message, or several pieces of the same message (which protocol buffers merge).

    Args:
        spans: Where its pieces lie in `source`; the whole source if not given.

    Raises:
        CheckpointError: From the constructor and from every accessor, if the bytes are not a message or a field is not
            of the asked-for kind.
    """

    source: Source
    spans: tuple[ByteSpan, ...] = ()
    depth: int = 0
    budget: _FieldBudget = field(default_factory=_FieldBudget, repr=False)
    fields: dict[int, list[FieldValue]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.depth > MAX_DEPTH:
            raise self._make_error(
                "messages are nested too deeply",
                expected=f"at most {MAX_DEPTH} levels",
                actual="more",
            )
        for start, end in self.spans or ((0, self.source.size),):
            self._walk_bytes(start, end)
        if self.budget.fields < 0:
            raise self._make_error(
                "has too many fields", expected=f"at most {MAX_FIELDS}", actual="more"
            )

    def _make_error(
        self, problem: str, expected: object = None, actual: object = None
    ) -> CheckpointError:
        hint = "the file is damaged or is not what its name says: fetch it again"
        return CheckpointError(
            problem, where=self.source.where, expected=expected, found=actual, hint=hint
        )

    def _walk_bytes(self, start: int, end: int) -> None:
        """Remember where the fields of one piece are. The one-byte cases stand here, as they make up nearly everything."""
        size = end - start
        view = self.source.view(start, size)
        data = bytes(view) if size <= SMALL_BYTES else view
        fields, position, count = self.fields, 0, 0
        while position < size:
            if data[position] < 0x80:
                tag, position = (data[position], position + 1)
            else:
                tag, position = self._read_varint(data, position)
            number, wire_type = tag >> 3, tag & 7
            if wire_type in (0, 2) and position < size and data[position] < 0x80:
                value, position = data[position], position + 1
            elif wire_type in (0, 2):
                value, position = self._read_varint(data, position)
            else:
                value = {1: 8, 5: 4}.get(wire_type, size)
            if number == 0 or (wire_type and position + value > size):
                raise self._make_error(
                    f"is no protocol-buffers message: field {number} does not fit at byte {start + position}"
                )
            field_value: FieldValue = value
            if wire_type:
                if wire_type == 2:
                    field_value = (start + position, start + position + value)
                else:
                    field_value = bytes(data[position : position + value])
                position += value
            fields.setdefault(number, []).append(field_value)
            count += 1
            if count > MAX_FIELDS_PER_MESSAGE:
                raise self._make_error(
                    "has too many fields in one message",
                    expected=f"at most {MAX_FIELDS_PER_MESSAGE}",
                    actual="more",
                )
        self.budget.fields -= count

    def _read_varint(self, view: bytes | memoryview, position: int) -> tuple[int, int]:
        value = shift = 0
        for offset in range(position, min(position + VARINT_BYTES, len(view))):
            byte = view[offset]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, offset + 1
            shift += 7
        raise self._make_error(
            f"a variable-length integer does not end, {position} bytes into a message"
        )

    def __contains__(self, number: int) -> bool:
        return number in self.fields

    def _get_last_value(self, number: int, kind: type) -> FieldValue | None:
        values = self.fields.get(number)
        if not values:
            return None
        if not isinstance(values[-1], kind):
            raise self._make_error(f"field {number} has the wrong wire type")
        return values[-1]

    def unsigned(self, number: int, default: int = 0) -> int:
        """A varint as an unsigned integer."""
        value = self._get_last_value(number, int)
        if isinstance(value, int):
            return value
        return default

    def signed(self, number: int, default: int = 0) -> int:
        """A varint as a two's complement 64-bit integer (int32, int64, enum)."""
        return _to_signed(self.unsigned(number, default & 0xFFFF_FFFF_FFFF_FFFF))

    def float32(self, number: int, default: float = 0.0) -> float:
        """A fixed32 as a float."""
        value = self._get_last_value(number, bytes)
        if value is None:
            return default
        if not isinstance(value, bytes) or len(value) != 4:
            raise self._make_error(f"field {number} has the wrong wire type")
        return float(struct.unpack("<f", value)[0])

    def spans_of(self, number: int) -> tuple[ByteSpan, ...]:
        """Where the payloads of every occurrence of a length-delimited field lie."""
        spans: list[ByteSpan] = []
        for value in self.fields.get(number, ()):
            if not isinstance(value, tuple):
                raise self._make_error(f"field {number} has the wrong wire type")
            spans.append(value)
        return tuple(spans)

    def text(self, number: int, default: str = "") -> str:
        """A string of at most 64 KiB; bytes that are not UTF-8 become replacement characters."""
        spans = self.spans_of(number)
        if spans:
            return self._text(spans[-1])
        return default

    def texts(self, number: int) -> list[str]:
        """Every occurrence of a repeated string."""
        return [self._text(span) for span in self.spans_of(number)]

    def _text(self, span: ByteSpan) -> str:
        start, end = span
        if end - start > MAX_TEXT_BYTES:
            raise self._make_error(
                "has a string that is too long",
                expected=f"at most {MAX_TEXT_BYTES} bytes",
                actual=end - start,
            )
        return self.source.bytes(start, end - start).decode("utf-8", "replace")

    def message(self, number: int) -> Message | None:
        """The embedded message of a field, its occurrences merged; None if there is none."""
        spans = self.spans_of(number)
        if spans:
            return Message(self.source, spans, self.depth + 1, self.budget)
        return None

    def messages(self, number: int) -> Iterator[Message]:
        """Every message of a repeated field."""
        for span in self.spans_of(number):
            yield Message(self.source, (span,), self.depth + 1, self.budget)

    def integers(self, number: int, limit: int = MAX_INTEGERS) -> list[int]:
        """A repeated varint field, packed or not, as two's complement 64-bit integers."""
        result: list[int] = []
        for value in self.fields.get(number, []):
            if isinstance(value, int):
                result.append(_to_signed(value))
            elif isinstance(value, tuple):
                view, position = self.source.view(value[0], value[1] - value[0]), 0
                while position < len(view) and len(result) <= limit:
                    item, position = self._read_varint(view, position)
                    result.append(_to_signed(item))
            else:
                raise self._make_error(f"field {number} has the wrong wire type")
            if len(result) > limit:
                raise self._make_error(
                    f"field {number} has too many values",
                    expected=f"at most {limit}",
                    actual="more",
                )
        return result


def _to_signed(value: int) -> int:
    if value >= 1 << 63:
        return value - (1 << 64)
    return value


def decode_varints(
    source: Source, span: ByteSpan, count: int, kind: np.dtype[np.unsignedinteger]
) -> Array:
    """`count` packed varints as an array of `kind`, each cut to its low bits (which is how protobuf stores int32 and int64).

    Raises:
        CheckpointError: If the span does not hold exactly `count` varints.
    """
    result, done, position = np.empty(count, kind), 0, span[0]
    while position < span[1]:
        raw = np.frombuffer(source.view(position, min(SLAB_BYTES, span[1] - position)), np.uint8)
        ends = np.flatnonzero(raw < 0x80)
        starts = np.concatenate(([0], ends[:-1] + 1)) if ends.size else ends
        lengths = ends - starts + 1
        if not ends.size or lengths.max() > VARINT_BYTES or done + ends.size > count:
            break
        values = np.zeros(ends.size, np.uint64)
        for byte in range(int(lengths.max())):
            longer = lengths > byte
            values[longer] |= (raw[starts[longer] + byte] & np.uint8(0x7F)).astype(
                np.uint64
            ) << np.uint64(7 * byte)
        result[done : done + ends.size] = values.astype(kind)
        done, position = done + ends.size, position + int(ends[-1]) + 1
    if done != count or position != span[1]:
        raise CheckpointError(
            "has damaged packed integers",
            where=source.where,
            expected=f"{count} values",
            found=f"{done} or more",
        )
    return result
