"""The `.auc` file: the codes of a recording, with checksums, in blocks that stand for themselves.

Little-endian. The header has 37 bytes, a table and a checksum:

    magic `AUC` and the version, 1             4 bytes
    fingerprint of the codec's weights         8 bytes
    sample rate in Hz                          uint32
    samples in the recording                   uint64
    gain applied before encoding               float32
    frames, of which the last block has fewer  uint32
    frames per block                           uint16
    books, bits per code                       uint8 each
    frames per group                           uint8
    bytes of each block, in a table            uint16 each
    CRC-32 of all that                         uint32

A group of frames uses the same number of books; 0 frames per group means that every frame uses all. Each block follows
without a gap: the numbers of books of its groups, if there are any, the codes of its frames, frame by frame and book by
book, all with the most significant bit first and filled up to a byte, and the CRC-32 of that with the block's number. A
damaged block hides no other.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.facts.atomic import replace_file

MAGIC, VERSION = b"AUC", 1
_HEADER = struct.Struct("<3sB8sIQfIHBBB")
_CHECK = struct.Struct("<I")
MAX_BITS = 16


@dataclass(frozen=True, eq=False)
class Encoded:
    """A recording as codes.

    Attributes:
        codes: int64 [books, frames]; -1 where a book is not used, or lost.
        bits: Of one code.
        samples: Length of the recording.
        gain: That was applied before encoding.
        fingerprint: 8 bytes that tell the codec's weights from others'.
        block: Frames per block, a multiple of the group.
        group: Frames that use the same number of books; 0 if all use all.
        lost: Frames [frames] whose block was damaged; none, if empty.
    """

    codes: NDArray[np.int64]
    bits: int
    sample_rate: int
    samples: int
    gain: float
    fingerprint: bytes
    block: int = 200
    group: int = 0
    lost: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))


def pack(encoded: Encoded) -> bytes:
    """The file's content.

    Raises:
        AudioError: If a code does not fit its bits, or the used books are not the first of each group.
    """
    codes, bits, group = encoded.codes, encoded.bits, encoded.group
    books, frames = codes.shape
    used = codes >= 0
    whole = (
        used.all()
        if not group
        else bool((used[1:] <= used[:-1]).all()) and encoded.block % group == 0
    )
    if not whole or (frames and codes.max() >= 2**bits) or encoded.lost.any():
        raise AudioError(
            "has codes that do not fit",
            where="codes",
            expected=f"0 to {2**bits - 1}, and whole groups",
        )
    bodies = [
        _pack_block(codes[:, start : start + encoded.block], bits, group)
        for start in range(0, frames, encoded.block)
    ]
    fields = (
        MAGIC,
        VERSION,
        encoded.fingerprint,
        encoded.sample_rate,
        encoded.samples,
        encoded.gain,
        frames,
    )
    header = (
        _HEADER.pack(*fields, encoded.block, books, bits, group)
        + np.array([*map(len, bodies)], "<u2").tobytes()
    )
    blocks = (body + _CHECK.pack(_block_sum(body, number)) for number, body in enumerate(bodies))
    return b"".join((header, _CHECK.pack(crc32(header)), *blocks))


def unpack(content: bytes, *, salvage: bool = False, where: str = "recording") -> Encoded:
    """The codes in a file's content.

    Args:
        salvage: Give what is whole of a damaged file, with `lost` for what is not, instead of an error.

    Raises:
        AudioError: If the header is damaged or of another format; without `salvage` also if any block is, or if there is more.
    """
    fields, sizes, position = _header(content, where)
    _, _, fingerprint, rate, samples, gain, frames, block, books, bits, group = fields
    codes, lost = np.full((books, frames), -1, np.int64), np.zeros(frames, bool)
    damaged = 0
    for number, size in enumerate(sizes):
        body = content[position : position + size]
        check = content[position + size : position + size + _CHECK.size]
        position += size + _CHECK.size
        place = slice(number * block, min((number + 1) * block, frames))
        found = None
        if len(check) == _CHECK.size and _CHECK.unpack(check)[0] == _block_sum(body, number):
            found = _unpack_block(body, books, place.stop - place.start, bits, group)
        if found is None:
            damaged += 1
            lost[place] = True
        else:
            codes[:, place] = found
    if not salvage and (damaged or position != len(content)):
        what = (
            f"{damaged} damaged block{'s' * (damaged != 1)}"
            if damaged
            else f"{len(content) - position} bytes too many"
        )
        raise AudioError(
            "is damaged", where=where, found=what, hint="--salvage decodes what is whole"
        )
    return Encoded(codes, bits, rate, samples, gain, fingerprint, block, group, lost)


def _header(content: bytes, where: str) -> tuple[tuple[Any, ...], list[int], int]:
    """Fields, bytes of each block, and where the first block begins."""
    if content[:3] != MAGIC:
        raise AudioError(
            "is no .auc file",
            where=where,
            expected=f"it to begin with {MAGIC!r}",
            found=content[:3],
        )
    if content[3:4] != bytes([VERSION]):
        raise AudioError(
            "is of another version of the format",
            where=where,
            expected=VERSION,
            found=list(content[3:4]),
        )
    if len(content) < _HEADER.size + _CHECK.size:
        raise AudioError("is cut off in its header", where=where, found=f"{len(content)} bytes")
    fields = _HEADER.unpack_from(content)
    frames, block = fields[6], fields[7]
    end = _HEADER.size + 2 * (-(-frames // block) if block else 0)
    if len(content) < end + _CHECK.size or _CHECK.unpack_from(content, end)[0] != crc32(
        content[:end]
    ):
        raise AudioError(
            "has a damaged header", where=where, hint="nothing can be decoded without it"
        )
    rate, gain, books, bits = fields[3], fields[5], fields[8], fields[9]
    if not (rate and block and books and 1 <= bits <= MAX_BITS and np.isfinite(gain) and gain > 0):
        raise AudioError("has impossible sizes in its header", where=where)
    return (
        fields,
        [int(size) for size in np.frombuffer(content[_HEADER.size : end], "<u2")],
        end + _CHECK.size,
    )


def _block_sum(body: bytes, number: int) -> int:
    return crc32(_CHECK.pack(number), crc32(body))


def _pack_block(codes: NDArray[np.int64], bits: int, group: int) -> bytes:
    used = codes >= 0
    parts = [_to_bits(codes.T[used.T], bits)]
    if group:
        parts.insert(0, _to_bits(used[:, ::group].sum(0), len(codes).bit_length()))
    return np.packbits(np.concatenate(parts)).tobytes()


def _unpack_block(
    body: bytes, books: int, frames: int, bits: int, group: int
) -> NDArray[np.int64] | None:
    """None if the sizes contradict each other."""
    stream = np.unpackbits(np.frombuffer(body, np.uint8))
    depths = np.full(frames, books)
    start = 0
    if group:
        groups, width = -(-frames // group), books.bit_length()
        start = groups * width
        if len(stream) < start:
            return None
        depths = np.repeat(_from_bits(stream[:start], width), group)[:frames]
    used = np.arange(books)[None] < depths[:, None]
    if depths.max(initial=0) > books or len(stream) < start + bits * used.sum():
        return None
    codes = np.full((frames, books), -1, np.int64)
    codes[used] = _from_bits(stream[start : start + bits * int(used.sum())], bits)
    return codes.T


def _to_bits(values: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    return ((values[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8).ravel()


def _from_bits(stream: NDArray[np.uint8], bits: int) -> NDArray[np.int64]:
    return (stream.reshape(-1, bits).astype(np.int64) << np.arange(bits - 1, -1, -1)).sum(1)


def read_auc(path: str | Path, *, salvage: bool = False) -> Encoded:
    """See `unpack`.

    Raises:
        AudioError: As `unpack`, and if the file cannot be read.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise AudioError("cannot be read", where=str(path), found=error.strerror) from error
    return unpack(content, salvage=salvage, where=str(path))


def write_auc(encoded: Encoded, path: str | Path) -> int:
    """Write to a temporary file and rename it; the number of bytes.

    Raises:
        AudioError: As `pack`, and if the file cannot be written.
    """
    content, target = pack(encoded), Path(path)
    try:
        with replace_file(target) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise AudioError("cannot be written", where=str(path), found=error.strerror) from error
    return len(content)
