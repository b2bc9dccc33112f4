"""Recordings for the page: cut into pieces of ten seconds, each encoded by itself: a long one opens as fast as a short one.

Pieces are FLAC, without loss. Where that is more than the page may carry, those that a finding speaks of stay FLAC and the
others become Ogg Vorbis; where even that is too much, the rest is named and left out.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE_SECONDS = 10.0
BYTES_PER_SAMPLE = 1.6
"""Of FLAC with 16 bits, about, for deciding beforehand whether all of it fits."""
VORBIS_BLOCK = 16_384
"""Frames handed to the Vorbis encoder at once; larger blocks overflow its stack in some builds of libsndfile."""
MAX_CHANNELS = 8
"""Of FLAC."""

SIXTEEN_BITS = ("PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW", "VORBIS", "OPUS", "MPEG")
"""Kinds of samples that 16 bits hold, or that were never more exact; the others are embedded with 24."""

Span = tuple[float, float]


@dataclass
class Piece:
    """Frames `start` to `start + frames` of a recording, as `codec` (`flac`, `ogg`, or empty: not in the page)."""

    start: int
    frames: int
    marked: bool = False
    codec: str = ""
    content: str = ""


@dataclass
class Sound:
    """One recording on its way into the page.

    Attributes:
        scale: The samples were divided by this, for want of room above full scale.
        rms: Root mean square over all samples, full scale 1.
        note: Why there is nothing to hear, if so.
    """

    file: str
    rate: int = 0
    channels: int = 0
    frames: int = 0
    exact: bool = True
    scale: float = 1.0
    rms: float = 0.0
    peak: float = 0.0
    non_finite: int = 0
    note: str = ""
    pieces: list[Piece] = field(default_factory=list)

    @property
    def is_here(self) -> bool:
        """Whether any of it is in the page."""
        return any(piece.codec for piece in self.pieces)


def embedded(
    files: Sequence[str | None], marks: Sequence[Sequence[Span]], budget: int
) -> list[Sound]:
    """The recordings with as many of their pieces as `budget` bytes hold.

    Args:
        files: Paths; None where a recording was never written.
        marks: Time ranges in seconds that findings speak of, per recording: these come first and stay without loss.
    """
    sounds = [_measured(file, spans) for file, spans in zip(files, marks, strict=True)]
    wanted = [(sound, piece) for sound in sounds for piece in sound.pieces]
    wanted.sort(key=lambda pair: (not pair[1].marked, pair[1].start / pair[0].rate))
    all_lossless = (
        sum(BYTES_PER_SAMPLE * s.frames * s.channels * (1.0 if s.exact else 1.5) for s in sounds)
        <= budget
    )
    left = budget
    for sound, piece in wanted:
        for codec in ("flac", "ogg") if piece.marked or all_lossless else ("ogg",):
            content = _encoded(sound, piece, codec)
            if len(content) <= left:
                left -= len(content)
                piece.codec, piece.content = codec, base64.b64encode(content).decode("ascii")
                break
        else:
            break
    for sound in sounds:
        if sound.pieces and not sound.is_here:
            sound.note = "it would make the page too large"
    return sounds


def _measured(file: str | None, marks: Sequence[Span]) -> Sound:
    """Length, level and pieces of a file, read once from beginning to end in bounded memory."""
    sound = Sound(file or "")
    if not file:
        sound.note = "it was not written to a file"
        return sound
    if not Path(file).is_file():
        sound.note = "the file is not there any more"
        return sound
    import soundfile

    try:
        with soundfile.SoundFile(file) as opened:
            sound.rate, sound.channels = int(opened.samplerate), int(opened.channels)
            sound.exact = opened.subtype.startswith(SIXTEEN_BITS)
            _scan(sound, opened)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        return Sound(file, note=f"it cannot be read: {error}")
    if sound.channels > MAX_CHANNELS:
        return Sound(file, note=f"it has {sound.channels} channels")
    sound.scale = max(1.0, sound.peak)
    _cut(sound, marks)
    return sound


def _scan(sound: Sound, opened: Any) -> None:
    total = 0.0
    for block in opened.blocks(blocksize=1 << 18, dtype="float32", always_2d=True):
        finite = np.isfinite(block)
        sound.non_finite += int(block.size - np.count_nonzero(finite))
        values = np.where(finite, block, 0.0)
        sound.frames += len(block)
        sound.peak = max(sound.peak, float(np.abs(values).max(initial=0.0)))
        total += float(np.square(values, dtype=np.float64).sum())
    sound.rms = (total / max(1, sound.frames * sound.channels)) ** 0.5


def _cut(sound: Sound, marks: Sequence[Span]) -> None:
    length = max(1, round(PIECE_SECONDS * sound.rate))
    for start in range(0, sound.frames, length):
        piece = Piece(start, min(length, sound.frames - start))
        begin, end = start / sound.rate, (start + piece.frames) / sound.rate
        piece.marked = any(first < end and last > begin for first, last in marks)
        sound.pieces.append(piece)


def _encoded(sound: Sound, piece: Piece, codec: str) -> bytes:
    import soundfile

    with soundfile.SoundFile(sound.file) as opened:
        opened.seek(piece.start)
        samples: NDArray[np.float32] = opened.read(piece.frames, dtype="float32", always_2d=True)
    samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0) / np.float32(sound.scale)
    kind, subtype = (
        ("OGG", "VORBIS") if codec == "ogg" else ("FLAC", "PCM_16" if sound.exact else "PCM_24")
    )
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", sound.rate, sound.channels, format=kind, subtype=subtype
    ) as target:
        for block in _blocks(samples):
            target.write(block)
    return buffer.getvalue()


def _blocks(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(samples), VORBIS_BLOCK):
        yield samples[start : start + VORBIS_BLOCK]
