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

SIXTEEN_BIT_SUBTYPES = ("PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW", "VORBIS", "OPUS", "MPEG")
"""Kinds of samples that 16 bits hold, or that were never more exact; the others are embedded with 24."""

TimeSpan = tuple[float, float]


@dataclass
class SoundPiece:
    """Frames `start` to `start + frames` of a recording, as `codec` (`flac`, `ogg`, or empty: not in the page)."""

    start: int
    frames: int
    marked: bool = False
    codec: str = ""
    content: str = ""


@dataclass
class EmbeddedSound:
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
    pieces: list[SoundPiece] = field(default_factory=list)

    @property
    def is_embedded(self) -> bool:
        """Whether any of it is in the page."""
        return any(piece.codec for piece in self.pieces)


def embed_recordings(
    files: Sequence[str | None], marks: Sequence[Sequence[TimeSpan]], budget: int
) -> list[EmbeddedSound]:
    """The recordings with as many of their pieces as `budget` bytes hold.

    Args:
        files: Paths; None where a recording was never written.
        marks: Time ranges in seconds that findings speak of, per recording: these come first and stay without loss.
    """
    sounds = [_measure_file(file, spans) for file, spans in zip(files, marks, strict=True)]
    pending_pieces = [(sound, piece) for sound in sounds for piece in sound.pieces]
    pending_pieces.sort(key=lambda pair: (not pair[1].marked, pair[1].start / pair[0].rate))
    is_all_lossless = (
        sum(
            BYTES_PER_SAMPLE
            * measured_sound.frames
            * measured_sound.channels
            * (1.0 if measured_sound.exact else 1.5)
            for measured_sound in sounds
        )
        <= budget
    )
    remaining_bytes = budget
    for sound, piece in pending_pieces:
        for codec in ("flac", "ogg") if piece.marked or is_all_lossless else ("ogg",):
            content = _encode_piece(sound, piece, codec)
            if len(content) <= remaining_bytes:
                remaining_bytes -= len(content)
                piece.codec, piece.content = codec, base64.b64encode(content).decode("ascii")
                break
        else:
            break
    for sound in sounds:
        if sound.pieces and not sound.is_embedded:
            sound.note = "it would make the page too large"
    return sounds


def _measure_file(file: str | None, marks: Sequence[TimeSpan]) -> EmbeddedSound:
    """Length, level and pieces of a file, read once from beginning to end in bounded memory."""
    sound = EmbeddedSound(file or "")
    if not file:
        sound.note = "it was not written to a file"
        return sound
    if not Path(file).is_file():
        sound.note = "the file is not there any more"
        return sound
    import soundfile

    try:
        with soundfile.SoundFile(file) as sound_file:
            sound.rate, sound.channels = int(sound_file.samplerate), int(sound_file.channels)
            sound.exact = sound_file.subtype.startswith(SIXTEEN_BIT_SUBTYPES)
            _scan_samples(sound, sound_file)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        return EmbeddedSound(file, note=f"it cannot be read: {error}")
    if sound.channels > MAX_CHANNELS:
        return EmbeddedSound(file, note=f"it has {sound.channels} channels")
    sound.scale = max(1.0, sound.peak)
    _cut_pieces(sound, marks)
    return sound


def _scan_samples(sound: EmbeddedSound, sound_file: Any) -> None:
    square_sum = 0.0
    for block in sound_file.blocks(blocksize=1 << 18, dtype="float32", always_2d=True):
        finite = np.isfinite(block)
        sound.non_finite += int(block.size - np.count_nonzero(finite))
        values = np.where(finite, block, 0.0)
        sound.frames += len(block)
        sound.peak = max(sound.peak, float(np.abs(values).max(initial=0.0)))
        square_sum += float(np.square(values, dtype=np.float64).sum())
    sound.rms = (square_sum / max(1, sound.frames * sound.channels)) ** 0.5


def _cut_pieces(sound: EmbeddedSound, marks: Sequence[TimeSpan]) -> None:
    length = max(1, round(PIECE_SECONDS * sound.rate))
    for start in range(0, sound.frames, length):
        piece = SoundPiece(start, min(length, sound.frames - start))
        begin, end = start / sound.rate, (start + piece.frames) / sound.rate
        piece.marked = any(mark_start < end and mark_end > begin for mark_start, mark_end in marks)
        sound.pieces.append(piece)


def _encode_piece(sound: EmbeddedSound, piece: SoundPiece, codec: str) -> bytes:
    import soundfile

    with soundfile.SoundFile(sound.file) as sound_file:
        sound_file.seek(piece.start)
        samples: NDArray[np.float32] = sound_file.read(
            piece.frames, dtype="float32", always_2d=True
        )
    samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0) / np.float32(sound.scale)
    if codec == "ogg":
        kind, subtype = ("OGG", "VORBIS")
    else:
        kind, subtype = ("FLAC", "PCM_16" if sound.exact else "PCM_24")
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", sound.rate, sound.channels, format=kind, subtype=subtype
    ) as target:
        for block in _iter_sample_blocks(samples):
            target.write(block)
    return buffer.getvalue()


def _iter_sample_blocks(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(samples), VORBIS_BLOCK):
        yield samples[start : start + VORBIS_BLOCK]
