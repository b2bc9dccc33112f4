"""The `.auc` file: the codes of a recording, with checksums, in blocks that stand for themselves.

Little-endian. The header has 40 bytes:

    magic `AUC` and the version, 1             4 bytes
    fingerprint of the codec's weights         8 bytes
    sample rate in Hz                          uint32
    samples in the recording                   uint64
    gain applied before encoding               float32
    frames, of which the last block has fewer  uint32
    frames per block                           uint16
    books, bits per code                       uint8 each
    CRC-32 of the header so far                uint32

Each block follows without a gap: the codes of its frames, frame by frame and book by book, most significant bit first, filled
up to a byte, and their CRC-32 with the block's number. All blocks but the last have the same length, so a damaged one hides
no other.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError

MAGIC, VERSION = b"AUC", 1
_HEADER = struct.Struct("<3sB8sIQfIHBB")
_CHECK = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _CHECK.size
MAX_BITS = 16


@dataclass(frozen=True, eq=False)
class Encoded:
    """A recording as codes.

    Attributes:
        codes: int64 [books, frames]; -1 throughout a frame whose block was damaged.
        bits: Of one code.
        samples: Length of the recording.
        gain: That was applied before encoding.
        fingerprint: 8 bytes that tell the codec's weights from others'.
        block: Frames per block.
    """

    codes: NDArray[np.int64]
    bits: int
    sample_rate: int
    samples: int
    gain: float
    fingerprint: bytes
    block: int = 200

    @property
    def damaged(self) -> float:
        """Share of the frames that are lost."""
        return float((self.codes < 0).all(0).mean()) if self.codes.size else 0.0


def pack(encoded: Encoded) -> bytes:
    """The file's content.

    Raises:
        AudioError: If a code does not fit its bits, or a frame is lost.
    """
    books, frames = encoded.codes.shape
    if frames and not (encoded.codes.min() >= 0 and encoded.codes.max() < 2**encoded.bits):
        raise AudioError("has codes that do not fit", where="codes", expected=f"0 to {2**encoded.bits - 1}")
    fields = (MAGIC, VERSION, encoded.fingerprint, encoded.sample_rate, encoded.samples, encoded.gain, frames)
    header = _HEADER.pack(*fields, encoded.block, books, encoded.bits)
    parts = [header, _CHECK.pack(crc32(header))]
    for number, start in enumerate(range(0, frames, encoded.block)):
        body = _pack_codes(encoded.codes[:, start : start + encoded.block], encoded.bits)
        parts += [body, _CHECK.pack(_block_sum(body, number))]
    return b"".join(parts)


def unpack(content: bytes, *, salvage: bool = False, where: str = "recording") -> Encoded:
    """The codes in a file's content.

    Args:
        salvage: Give what is whole of a damaged file, with -1 for the codes that are not, instead of an error.

    Raises:
        AudioError: If the header is damaged or of another format; without `salvage` also if any block is, or if there is more.
    """
    fingerprint, rate, samples, gain, frames, block, books, bits = _header(content, where)
    codes = np.full((books, frames), -1, np.int64)
    lost = []
    position = HEADER_BYTES
    for number, start, length, size in _blocks(frames, block, books, bits):
        body = content[position : position + size]
        check = content[position + size : position + size + _CHECK.size]
        position += size + _CHECK.size
        if len(check) == _CHECK.size and _CHECK.unpack(check)[0] == _block_sum(body, number):
            codes[:, start : start + length] = _unpack_codes(body, books, length, bits)
        else:
            lost.append(number)
    if not salvage and (lost or position != len(content)):
        found = f"{len(lost)} damaged block{'s' * (len(lost) != 1)}" if lost else f"{len(content) - position} bytes too many"
        raise AudioError("is damaged", where=where, found=found, hint="--salvage decodes what is whole")
    return Encoded(codes, bits, rate, samples, gain, fingerprint, block)


def _header(content: bytes, where: str) -> tuple[bytes, int, int, float, int, int, int, int]:
    if content[:3] != MAGIC:
        raise AudioError("is no .auc file", where=where, expected=f"it to begin with {MAGIC!r}", found=content[:3])
    if len(content) < HEADER_BYTES:
        raise AudioError("is cut off in its header", where=where, expected=f"{HEADER_BYTES} bytes", found=len(content))
    if content[3] != VERSION:
        raise AudioError("is of another version of the format", where=where, expected=VERSION, found=content[3])
    header = content[: _HEADER.size]
    if _CHECK.unpack_from(content, _HEADER.size)[0] != crc32(header):
        raise AudioError("has a damaged header", where=where, hint="nothing can be decoded without it")
    _, _, fingerprint, rate, samples, gain, frames, block, books, bits = _HEADER.unpack(header)
    if not (rate and block and books and 1 <= bits <= MAX_BITS and np.isfinite(gain) and gain > 0):
        raise AudioError("has impossible sizes in its header", where=where)
    if frames * books * bits > 8 * len(content) * 64:  # a header that claims far more than the file can hold, salvaged or not
        raise AudioError("claims far more frames than it has", where=where, found=frames)
    return fingerprint, rate, samples, gain, frames, block, books, bits


def _blocks(frames: int, block: int, books: int, bits: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, first frame, frames and bytes of each block."""
    for number, start in enumerate(range(0, frames, block)):
        length = min(block, frames - start)
        yield number, start, length, -(-length * books * bits // 8)


def _block_sum(body: bytes, number: int) -> int:
    return crc32(_CHECK.pack(number), crc32(body))


def _pack_codes(codes: NDArray[np.int64], bits: int) -> bytes:
    flat = codes.T.reshape(-1, 1)
    return np.packbits((flat >> np.arange(bits - 1, -1, -1)) & 1).tobytes()


def _unpack_codes(body: bytes, books: int, frames: int, bits: int) -> NDArray[np.int64]:
    stream = np.unpackbits(np.frombuffer(body, np.uint8))[: books * frames * bits].reshape(-1, bits)
    return (stream.astype(np.int64) << np.arange(bits - 1, -1, -1)).sum(1).reshape(frames, books).T


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
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise AudioError("cannot be written", where=str(path), found=error.strerror) from error
    return len(content)
