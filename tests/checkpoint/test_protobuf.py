from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.checkpoint import protobuf
from auscult.checkpoint.protobuf import Message, decode_varints
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError


def varint(value: int) -> bytes:
    """The textbook encoding, of negative numbers as 64-bit two's complement."""
    value &= (1 << 64) - 1
    result = bytearray()
    while value >= 0x80:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*result, value])


def source(path: Path, content: bytes) -> Source:
    path.write_bytes(content)
    return Source(path)


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=50),
    slab=st.sampled_from([11, 16, 1 << 20]),
)
def test_packed_integers_decode_as_the_textbook_says(
    tmp_path_factory: pytest.TempPathFactory, values: list[int], slab: int
) -> None:
    content = b"".join(varint(value) for value in values)
    file = source(tmp_path_factory.mktemp("protobuf") / "m", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protobuf, "SLAB_BYTES", slab)
        for kind in ("u8", "u4", "u2", "u1"):
            found = decode_varints(file, (0, len(content)), len(values), np.dtype(kind))
            mask = (1 << 8 * np.dtype(kind).itemsize) - 1
            assert found.tolist() == [value & mask for value in values]
        for count in {len(values) + 1, max(len(values) - 1, 0)} - {len(values)}:
            with pytest.raises(CheckpointError):
                decode_varints(file, (0, len(content)), count, np.dtype("u8"))


@pytest.mark.parametrize("content", [b"\x80" * 20, b"\xff" * 11 + b"\x01", b"\x01\x80"])
def test_packed_integers_that_do_not_end_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CheckpointError):
        decode_varints(source(tmp_path / "m", content), (0, len(content)), 2, np.dtype("u8"))


def test_fields(tmp_path: Path) -> None:
    text = b"\x12\x02hi"
    content = (
        b"\x08"
        + varint(-5)
        + text
        + b"\x1d"
        + np.float32(1.5).tobytes()
        + b"\x22"
        + bytes([len(text)])
        + text
    )
    message = Message(source(tmp_path / "m", content + b"\x28\x01\x2a\x02\x02\x03"))
    assert message.signed(1) == -5
    assert message.unsigned(1) == (1 << 64) - 5
    assert message.text(2) == "hi"
    assert message.float32(3) == 1.5
    inner = message.message(4)
    assert inner is not None
    assert inner.text(2) == "hi"
    assert message.integers(5) == [1, 2, 3]
    assert message.message(9) is None
    assert message.text(9) == ""


def test_pieces_of_a_message_are_merged(tmp_path: Path) -> None:
    message = Message(source(tmp_path / "m", b"\x0a\x02\x08\x01\x0a\x02\x10\x02")).message(1)
    assert message is not None
    assert (message.unsigned(1), message.unsigned(2)) == (1, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x00",
        b"\x0b",
        b"\x0c",
        b"\x0e",
        b"\x0f",
        b"\x08",
        b"\x0a\x05abc",
        b"\x09abc",
        b"\x0d",
        b"\x80" * 11,
        b"\x0a" + b"\xff" * 9 + b"\x01",
    ],
)
def test_what_is_no_message_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CheckpointError):
        Message(source(tmp_path / "m", content))


def test_wrong_wire_types_are_refused(tmp_path: Path) -> None:
    message = Message(source(tmp_path / "m", b"\x08\x01\x12\x00\x1d\x00\x00\x00\x00"))
    for ask in (
        lambda: message.text(1),
        lambda: message.unsigned(2),
        lambda: message.float32(1),
        lambda: message.message(3),
    ):
        with pytest.raises(CheckpointError, match="wrong wire type"):
            ask()
    with pytest.raises(CheckpointError, match="wrong wire type"):
        message.integers(3)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf, "MAX_FIELDS_PER_MESSAGE", 100)
    with pytest.raises(CheckpointError, match="too many fields"):
        Message(source(tmp_path / "m", b"\x08\x01" * 101))
    with pytest.raises(CheckpointError, match="too many values"):
        Message(source(tmp_path / "n", b"\x0a\x64" + bytes(100))).integers(1, limit=99)
    with pytest.raises(CheckpointError, match="too long"):
        Message(source(tmp_path / "o", b"\x0a" + varint(1 << 17) + bytes(1 << 17))).text(1)
