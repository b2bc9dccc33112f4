"""The directory of a zip archive, read with bounds, and its members as byte sources.

The standard library's zipfile would do for well-made files; this one costs no import of its compressors, keeps 100,000
members in a tenth of the memory, never reads a member's header before its data is asked for (each would touch another page
of the file), and refuses what a loader may read differently: two members of one name, encryption, odd compression.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

from auscult.checkpoint.source import TRUNCATED_HINT, ByteSource, Source, make_bounds_error
from auscult.errors import CheckpointError

STORED, DEFLATED = 0, 8
MAX_MEMBERS = 1_000_000
MAX_DEFLATE_RATIO = 1032  # no deflate stream inflates further; a member that claims more lies
MAX_INFLATED_BYTES = 1 << 33
MAX_BOMB_BYTES, BOMB_RATIO = (
    1 << 28,
    50,
)  # beyond this size a member may not inflate further than so many times
MAX_HEAD_BYTES = 1 << 12
MAX_NAME_BYTES = 4096
LAST_RECORD = struct.Struct("<4s4H2LH")
LAST_RECORD64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR64 = struct.Struct("<4sLQL")
ENTRY = struct.Struct("<4s6H3L5H2L")
LOCAL_HEADER = struct.Struct("<4s5H3L2H")


class ZipMember(NamedTuple):
    """A member as the directory describes it; `header` is the file offset of its local header."""

    name: str
    method: int
    packed: int
    size: int
    header: int
    crc: int


class StoredMember:
    """The bytes of an uncompressed member, found in the file when they are first asked for."""

    def __init__(self, source: Source, member: ZipMember) -> None:
        self._source = source
        self._member = member

    @property
    def path(self) -> Path:
        return self._source.path

    @property
    def where(self) -> str:
        return self._source.where

    @property
    def size(self) -> int:
        return self._member.size

    @cached_property
    def _start(self) -> int:
        return find_data_start(self._source, self._member)

    def view(self, offset: int, length: int) -> memoryview:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise make_bounds_error(self.where, self.size, offset, length)
        return self._source.view(self._start + offset, length)


class InflatedMember(StoredMember):
    """The bytes of a deflated member, inflated as a whole on each use; the last one used stays in memory."""

    def view(self, offset: int, length: int) -> memoryview:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise make_bounds_error(self.where, self.size, offset, length)
        if offset + length <= min(MAX_HEAD_BYTES, self.size - 1):
            return memoryview(self._inflate_head(offset + length))[offset:]
        return memoryview(inflate_member(self))[offset : offset + length]

    def _inflate_head(self, length: int) -> bytes:
        """The first bytes only, which is where an array's header is."""
        packed = self._source.view(self._start, min(self._member.packed, 2 * MAX_HEAD_BYTES))
        try:
            result = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, length)
        except zlib.error as error:
            raise CheckpointError(
                f"member {self._member.name} cannot be inflated: {error}", where=self.where
            ) from error
        if len(result) == length:
            return result
        return inflate_member(self)[:length]


@lru_cache(maxsize=1)
def inflate_member(data: InflatedMember) -> bytes:
    """All bytes of a deflated member; never more than its directory entry says.

    Raises:
        CheckpointError: If the stream is damaged or has another length or checksum than the entry says.
    """
    member = data._member
    packed = data._source.view(data._start, member.packed)
    try:
        result = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, member.size + 1)
    except zlib.error as error:
        raise CheckpointError(
            f"member {member.name} cannot be inflated: {error}", where=data.where
        ) from error
    if len(result) != member.size or zlib.crc32(result) != member.crc:
        raise CheckpointError(
            f"member {member.name} has another length or checksum than the directory says",
            where=data.where,
            hint=TRUNCATED_HINT,
        )
    return result


def find_data_start(source: Source, member: ZipMember) -> int:
    """File offset of a member's data, from its local header."""
    fields = LOCAL_HEADER.unpack(source.view(member.header, LOCAL_HEADER.size))
    is_marked_start = member.header == 0 and fields[0][:2].isdigit()  # see torch_zip
    if fields[0] != b"PK\x03\x04" and not (is_marked_start and fields[0][2:] == b"\x03\x04"):
        raise make_archive_error(
            source, f"no header of member {member.name} where the directory says"
        )
    return int(member.header + LOCAL_HEADER.size + fields[9] + fields[10])


@dataclass(frozen=True)
class Archive:
    """A zip archive: its members by name, in directory order."""

    source: Source
    members: Mapping[str, ZipMember]

    def open(self, name: str) -> ByteSource:
        """The bytes of one member.

        Raises:
            CheckpointError: If there is no such member, or it cannot be read within bounds.
        """
        member = self.members.get(name)
        if member is None:
            raise make_archive_error(self.source, f"has no member {name[:200]}")
        if member.method == STORED:
            return StoredMember(self.source, member)
        return InflatedMember(self.source, member)

    def open_source(self, name: str) -> Source:
        """One member as a file of its own, for the reader of its format; a deflated one is inflated into memory.

        Raises:
            CheckpointError: If there is no such member, or it cannot be read within bounds.
        """
        data = self.open(name)
        if isinstance(data, InflatedMember):
            return self.source.hold_inflated_member(name, memoryview(inflate_member(data)))
        start = find_data_start(self.source, self.members[name])
        return self.source.open_stored_member(name, start, data.size)


@lru_cache(maxsize=4)
def _read_cached_archive(source: Source, _size: int, _modified: int) -> Archive:
    count, start, length, shift = _find_last_record(source)
    return Archive(source, _parse_directory(source, source.view(start, length), count, shift))


def read_archive(source: Source) -> Archive:
    """The directory of the archive that `source` is.

    Raises:
        CheckpointError: If there is none, or it is damaged or hostile.
    """
    try:
        status = source.path.stat()
    except OSError as error:
        problem = f"cannot be opened: {error.strerror}"
        raise CheckpointError(problem, where=source.where) from error
    return _read_cached_archive(source, status.st_size, status.st_mtime_ns)


def has_member(source: Source, suffix: str) -> bool:
    """Whether `source` is an archive with a member whose name ends so; False for a damaged one."""
    try:
        return any(name.endswith(suffix) for name in read_archive(source).members)
    except CheckpointError:
        return False


def _find_last_record(source: Source) -> tuple[int, int, int, int]:
    """Number of members, offset and length of the directory, and the length of whatever stands before the archive."""
    tail_length = min(source.size, LAST_RECORD.size + 0xFFFF)
    tail_start = source.size - tail_length
    tail = source.bytes(tail_start, tail_length)
    position = tail.rfind(b"PK\x05\x06")
    if position < 0 or position + LAST_RECORD.size > len(tail):
        raise CheckpointError(
            "is a zip archive without its directory, which comes last in the file",
            where=source.where,
            hint=TRUNCATED_HINT,
        )
    _, disk, _, _, count, length, start, _ = LAST_RECORD.unpack_from(tail, position)
    end = tail_start + position
    if end >= LOCATOR64.size:
        signature, _, position64, _ = LOCATOR64.unpack(
            source.view(end - LOCATOR64.size, LOCATOR64.size)
        )
        if signature == b"PK\x06\x07":
            fields = LAST_RECORD64.unpack(source.view(position64, LAST_RECORD64.size))
            if fields[0] != b"PK\x06\x06":
                raise make_archive_error(
                    source, "its zip64 directory record is not where its locator says"
                )
            disk, count, length, start, end = fields[4], fields[7], fields[8], fields[9], position64
    shift = end - length - start
    if shift < 0:
        raise make_archive_error(source, "its directory does not fit before its last record")
    if disk:
        raise make_archive_error(source, "is one part of a split archive")
    if count > MAX_MEMBERS or count * ENTRY.size > length:
        raise make_archive_error(source, f"its directory claims {count} members in {length} bytes")
    return count, start + shift, length, shift


def _parse_directory(
    source: Source, table: memoryview, count: int, shift: int
) -> dict[str, ZipMember]:
    members: dict[str, ZipMember] = {}
    position = 0
    for _ in range(count):
        if position + ENTRY.size > len(table):
            raise make_archive_error(source, "its directory ends early")
        (
            signature,
            _,
            _,
            flags,
            method,
            _,
            _,
            crc,
            packed,
            size,
            n_name,
            n_extra,
            n_comment,
            _,
            _,
            _,
            header,
        ) = ENTRY.unpack_from(table, position)
        if signature != b"PK\x01\x02" or n_name > MAX_NAME_BYTES:
            raise make_archive_error(source, f"its directory is damaged at entry {len(members)}")
        position += ENTRY.size
        name = str(table[position : position + n_name], "utf-8", "replace")
        if 0xFFFFFFFF in (packed, size, header):
            extra = bytes(table[position + n_name : position + n_name + n_extra])
            size, packed, header = _apply_zip64_extra(source, extra, size, packed, header)
        position += n_name + n_extra + n_comment
        if name in members:
            raise make_archive_error(source, f"has two members named {name[:200]}")
        members[name] = ZipMember(name, method, packed, size, header + shift, crc)
        _check_member(source, members[name], flags)
    return members


def _apply_zip64_extra(source: Source, extra: bytes, *fields: int) -> list[int]:
    """`fields` with those that are 0xFFFFFFFF replaced by the next 64-bit number of the zip64 extra record."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind == 1:
            numbers = iter(
                struct.unpack_from(
                    f"<{length // 8}Q",
                    extra[position + 4 : position + 4 + length // 8 * 8].ljust(
                        length // 8 * 8, b"\0"
                    ),
                )
            )
            return [next(numbers, field) if field == 0xFFFFFFFF else field for field in fields]
        position += 4 + length
    if fields[2] == 0xFFFFFFFF:
        raise make_archive_error(source, "an entry of its directory lacks its 64-bit offset")
    return list(fields)


def _check_member(source: Source, member: ZipMember, flags: int) -> None:
    if flags & 1:
        raise CheckpointError(
            f"member {member.name[:200]} is encrypted",
            where=source.where,
            hint="decrypt the archive first",
        )
    if member.method not in (STORED, DEFLATED):
        raise CheckpointError(
            f"member {member.name[:200]} is compressed with method {member.method}",
            where=source.where,
            expected="stored or deflated",
            found=member.method,
            hint="pack the archive again with zip -0",
        )
    if member.header + LOCAL_HEADER.size + member.packed > source.size:
        raise make_bounds_error(source.where, source.size, member.header, member.packed)
    if member.method == STORED and member.size != member.packed:
        raise make_archive_error(
            source,
            f"stored member {member.name[:200]} has two sizes, {member.size} and {member.packed}",
        )
    if member.size <= MAX_BOMB_BYTES:
        max_inflated_bytes = MAX_DEFLATE_RATIO * member.packed + 64
    else:
        max_inflated_bytes = BOMB_RATIO * member.packed
    if member.method == DEFLATED and member.size > min(MAX_INFLATED_BYTES, max_inflated_bytes):
        raise make_archive_error(
            source,
            f"member {member.name[:200]} would inflate from {member.packed} to {member.size} bytes",
        )


def make_archive_error(source: Source, problem: str) -> CheckpointError:
    """The error for an archive that is not what it says."""
    return CheckpointError(problem, where=source.where, hint=TRUNCATED_HINT)
