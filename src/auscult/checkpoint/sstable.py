"""Sorted tables of LevelDB, as TensorFlow writes the index of a checkpoint: keys in order, each with a value.

The file is a row of blocks. A block's entries share beginnings of keys; behind it stand its type of compression and its
checksum. The last 48 bytes say where the index block is, which lists the others. Source: leveldb/doc/table_format.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache

from auscult.checkpoint.elements import MAX_TENSORS
from auscult.checkpoint.source import TRUNCATED_HINT, Source
from auscult.errors import CheckpointError

FOOTER_BYTES = 48
MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
TRAILER = struct.Struct("<BI")
U4 = struct.Struct("<I")
COMPRESSIONS = {1: "snappy", 2: "zstd"}
CHECKSUM_POLYNOMIAL = 0x82F63B78  # CRC-32C, reflected
CHECKSUM_MASK = 0xA282EAD8
MAX_VARINT_BYTES = 10
MAX_KEY_BYTES = 1 << 16

Entry = tuple[bytes, int, int]
"""A key, and where its value begins and ends in the file."""


def is_table(source: Source) -> bool:
    """Whether a file ends as a table does."""
    if source.size < FOOTER_BYTES:
        return False
    return source.bytes(source.size - len(MAGIC), len(MAGIC)) == MAGIC


def iter_entries(source: Source) -> Iterator[Entry]:
    """All keys of a table in their order.

    Raises:
        CheckpointError: If the table is damaged, or compressed.
    """
    if not is_table(source):
        raise _make_table_error(source, "does not end as a table does")
    footer = source.bytes(source.size - FOOTER_BYTES, FOOTER_BYTES)
    position = 0
    handles = []
    for _ in range(4):
        number, position = _read_varint(source, footer, position)
        handles.append(number)
    count = 0
    for _, start, end in _iter_block(source, handles[2], handles[3]):
        value = source.bytes(start, end - start)
        offset, position = _read_varint(source, value, 0)
        size, _ = _read_varint(source, value, position)
        for entry in _iter_block(source, offset, size):
            count += 1
            if count > MAX_TENSORS:
                raise _make_table_error(source, f"has more than {MAX_TENSORS} entries")
            yield entry


def _iter_block(source: Source, offset: int, size: int) -> Iterator[Entry]:
    block = source.bytes(offset, size)
    compression, checksum = TRAILER.unpack(source.bytes(offset + size, TRAILER.size))
    if compression:
        raise CheckpointError(
            f"is a table that is compressed with {COMPRESSIONS.get(compression, compression)}",
            where=source.where,
            expected="no compression, which is what TensorFlow writes",
            found=compression,
            hint="write the checkpoint again with tf.train.Checkpoint(...).write(path)",
        )
    if _compute_checksum(block + bytes([compression])) != checksum:
        raise _make_table_error(source, f"has a block at byte {offset} whose checksum is wrong")
    if size < U4.size:
        raise _make_table_error(source, "has a block that is too short")
    restarts = U4.unpack_from(block, size - U4.size)[0]
    end = size - U4.size * (restarts + 1)
    if end < 0:
        raise _make_table_error(source, "has a block without its restart points")
    position, key = 0, b""
    while position < end:
        shared, position = _read_varint(source, block, position)
        fresh, position = _read_varint(source, block, position)
        length, position = _read_varint(source, block, position)
        if shared > len(key) or shared + fresh > MAX_KEY_BYTES or position + fresh + length > end:
            raise _make_table_error(source, "has an entry that does not fit its block")
        key = key[:shared] + block[position : position + fresh]
        position += fresh
        yield key, offset + position, offset + position + length
        position += length


def _read_varint(source: Source, data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    for index in range(position, min(position + MAX_VARINT_BYTES, len(data))):
        value |= (data[index] & 0x7F) << shift
        if data[index] < 0x80:
            return value, index + 1
        shift += 7
    raise _make_table_error(source, "has a number that does not end")


def _compute_checksum(data: bytes) -> int:
    """The masked CRC-32C that stands behind a block."""
    table = _make_checksum_table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + CHECKSUM_MASK) & 0xFFFFFFFF


@cache
def _make_checksum_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (CHECKSUM_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def _make_table_error(source: Source, problem: str) -> CheckpointError:
    return CheckpointError(
        f"is a damaged index of a TensorFlow checkpoint: it {problem}",
        where=source.where,
        hint=TRUNCATED_HINT,
    )
