"""Writing protocol buffers: fields, tags and integers as bytes.

Reading a whole message is `auscult.checkpoint.protobuf`.
"""

from __future__ import annotations

from auscult.checkpoint.protobuf import ByteSpan


def encode_span(data: bytes, number: int, span: ByteSpan) -> bytes:
    """A field whose payload is a piece of other bytes."""
    return encode_field(number, data[span[0] : span[1]])


def encode_field(number: int, payload: bytes) -> bytes:
    """A field with a length: a text, bytes or a message."""
    return encode_tag(number, 2) + encode_varint(len(payload)) + payload


def encode_tag(number: int, wire: int) -> bytes:
    """The number and the wire type that begin a field."""
    return encode_varint(number << 3 | wire)


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """The integer at a position, and the position behind it."""
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def encode_varint(value: int) -> bytes:
    """An unsigned integer, seven bits to a byte."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
