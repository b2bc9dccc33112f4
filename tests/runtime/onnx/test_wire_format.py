"""Protocol buffers that are written can be read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from auscult.checkpoint.protobuf import Message
from auscult.checkpoint.source import Source
from auscult.runtime.onnx.wire_format import (
    encode_field,
    encode_span,
    encode_tag,
    encode_varint,
    read_varint,
)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**63 - 1])
def test_an_integer_comes_back(value: int) -> None:
    encoded = encode_varint(value)
    assert read_varint(b"\x00" + encoded + b"\x05", 1) == (value, 1 + len(encoded))


def test_the_known_bytes_of_a_message() -> None:
    # https://protobuf.dev/programming-guides/encoding: 150 in field 1, "testing" in field 2.
    assert encode_tag(1, 0) + encode_varint(150) == bytes.fromhex("089601")
    assert encode_field(2, b"testing") == bytes.fromhex("120774657374696e67")


def test_a_message_is_read_by_the_reader_of_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "message"
    path.write_bytes(encode_field(1, b"name") + encode_span(b"xxinnerxx", 2, (2, 7)))
    message = Message(Source(path))
    assert (message.text(1), message.text(2)) == ("name", "inner")
