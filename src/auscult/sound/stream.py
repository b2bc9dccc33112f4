"""A sound file in pieces, so that its length does not matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auscult.errors import AudioError
from auscult.sound.container import describe_foreign_file
from auscult.sound.recording import Recording

MAX_LAST_BLOCK = 1.5
"""Blocks: what is left at the end is read at once where it is shorter than this.

Chosen, not measured.
"""


@dataclass(frozen=True)
class SoundHeader:
    """What a sound file says of itself."""

    sample_rate: int
    channels: int
    frames: int
    format: str
    subtype: str

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate


def read_header(path: str | Path) -> SoundHeader:
    """The header alone.

    Raises:
        AudioError: If the file cannot be read as sound, or holds no samples.
    """
    import soundfile

    try:
        info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        if not Path(path).is_file():
            raise AudioError("there is no such file", where=str(path)) from error
        raise AudioError(
            "cannot be read as sound",
            where=str(path),
            found=describe_foreign_file(path) or str(error),
            hint="give a WAV or FLAC file",
        ) from error
    if info.frames <= 0 or info.samplerate <= 0:
        raise AudioError("holds no samples", where=str(path))
    return SoundHeader(
        int(info.samplerate),
        int(info.channels),
        int(info.frames),
        str(info.format),
        str(info.subtype),
    )


def iter_blocks(path: str | Path, seconds: float) -> Iterator[Recording]:
    """The file in recordings of `seconds`; what is left at the end goes with the last one if it is
    shorter than half of that.

    Raises:
        AudioError: If the file cannot be read.
    """
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            usual_frames = max(1, int(seconds * file.samplerate))
            rate, remaining_frames = int(file.samplerate), int(file.frames)
            while remaining_frames > 0:
                if remaining_frames < MAX_LAST_BLOCK * usual_frames:
                    block_frames = remaining_frames
                else:
                    block_frames = usual_frames
                samples = file.read(block_frames, dtype="float32", always_2d=True)
                if not len(samples):
                    return
                remaining_frames -= len(samples)
                yield Recording(np.ascontiguousarray(samples.T), rate, str(path))
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise AudioError("cannot be read to its end", where=str(path), found=str(error)) from error
