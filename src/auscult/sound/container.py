"""What the chunks of a WAV file say of its length, held against the bytes that are there."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MAX_CHUNKS = 200
"""Chunks that are looked at. Chosen, not measured."""
UNKNOWN_SIZES = frozenset({0xFFFFFFFF, 0x7FFFFFFF, 0x80000000})
"""Sizes that writers to a pipe put in, because they do not know better."""
GUESSED_SIZE = 1_900_000_000
"""Sizes from here on are put in as a guess before the length is known, where little of it is there.

Measured on servers that stream: 2,000,000,000 and 0x7FFFFFFF less the header. Margin: 5 %.
"""
MAX_GUESS_SHARE = 0.5
"""Of such a size: what may be there of it. Chosen, not measured."""
LOW_BITS = 23
"""Of a sample in 32 bits: the highest that 24 bits in its lower part reach. Defined by the format."""
MIN_LOW_PEAK = 2**19
"""Peak of sound in 24 bits that is not too quiet to say anything: 24 dB below full scale.

Chosen, not measured.
"""
PCM_FORMATS = (1, 0xFFFE)
"""Format tags of whole numbers: plain, and extensible. Defined by the RIFF format."""
FOREIGN_BEGINNINGS = {
    b"<htm": "a web page",
    b"<!DO": "a web page",
    b"{": "JSON",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself",
    b"\x1aE\xdf\xa3": "a Matroska or WebM container; `ffmpeg -i FILE out.wav` makes a WAV file of it",
    b"PK": "a zip archive",
}
"""How files begin that are taken for sound, and are none that libsndfile reads."""
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
        is_round_guess = (
            self.stated >= GUESSED_SIZE and self.present < MAX_GUESS_SHARE * self.stated
        )
        return self.stated in UNKNOWN_SIZES or is_round_guess


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


def describe_foreign_file(path: str | Path) -> str | None:
    """What a file is that is no sound which can be read; None where that is not known."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(32)
    except OSError:
        return None  # what reads it says why
    if not head:
        return "an empty file"
    if head[4:8] == b"ftyp":
        return "an MP4 container (m4a); `ffmpeg -i FILE out.wav` makes a WAV file of it"
    if not any(head):
        return "nothing but zeros"
    text = head.lstrip()
    return next(
        (kind for start, kind in FOREIGN_BEGINNINGS.items() if text.startswith(start)), None
    )


def has_low_aligned_samples(path: str | Path, seconds: float = 30.0) -> bool:
    """Whether the samples of a WAV file with 32 bits are those of 24 bits, put into the lower part:
    256 times too quiet.

    Raises:
        OSError: If the file cannot be read.
    """
    with Path(path).open("rb") as file:
        content = file.read(4096)
        start, form = content.find(b"data"), content.find(b"fmt ")
        if content[:4] != b"RIFF" or min(start, form) < 0 or len(content) < form + 24:
            return False
        tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", content, form + 8)
        if tag not in PCM_FORMATS or bits != 32:
            return False
        file.seek(start + 8)
        count = int(seconds * rate) * max(channels, 1)
        raw = file.read(4 * count)
    samples = np.frombuffer(raw[: len(raw) // 4 * 4], "<i4").astype(np.int64)
    if not len(samples) or not (samples % 256).any():
        return False
    peak = int(np.abs(samples).max())
    return bool(MIN_LOW_PEAK <= peak <= 2**LOW_BITS)
