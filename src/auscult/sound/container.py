"""What the chunks of a WAV file say of its length, held against the bytes that are there."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

MAX_CHUNKS = 200
"""Chunks that are looked at. Chosen, not measured."""
UNKNOWN_SIZES = frozenset({0xFFFFFFFF, 0x7FFFFFFF, 0x80000000})
"""Sizes that writers to a pipe put in, because they do not know better."""
HEADER_BYTES = 8
"""Name and size of a chunk. Defined by the RIFF format."""


@dataclass(frozen=True)
class DataChunk:
    """The data chunk of a WAV file.

    Attributes:
        stated: Bytes of samples that the header states.
        present: Bytes from the start of the samples to the end of the file.
        bytes_per_second: As the format chunk states; 0 where there is none.
        has_chunks_behind: Whether what follows the stated bytes is chunks again.
        is_rf64: Whether the true size is in a ds64 chunk.
    """

    stated: int
    present: int
    bytes_per_second: int
    has_chunks_behind: bool
    is_rf64: bool

    @property
    def is_unknown(self) -> bool:
        return self.stated in UNKNOWN_SIZES


def read_data_chunk(path: str | Path) -> DataChunk | None:
    """The data chunk; None where the file is no WAV file or has none.

    Raises:
        OSError: If the file cannot be read.
    """
    file_size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            return None
        bytes_per_second = 0
        for _ in range(MAX_CHUNKS):
            chunk = file.read(HEADER_BYTES)
            if len(chunk) < HEADER_BYTES:
                return None
            name, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
            start = file.tell()
            if name == b"data":
                file.seek(min(start + size + size % 2, file_size))
                behind = file.read(HEADER_BYTES)
                has_chunks = len(behind) == HEADER_BYTES and _is_chunk_name(behind[:4])
                is_rf64 = head[:4] == b"RF64"
                return DataChunk(size, file_size - start, bytes_per_second, has_chunks, is_rf64)
            if name == b"fmt " and size >= 12:
                bytes_per_second = struct.unpack("<I", file.read(12)[8:])[0]
            file.seek(start + size + size % 2)
    return None


def _is_chunk_name(name: bytes) -> bool:
    return all(32 <= byte < 127 for byte in name)
