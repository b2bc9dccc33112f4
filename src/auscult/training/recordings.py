"""The recordings that a model is trained on, validated with and judged by, from a folder of audio."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.facts.audio_files import READABLE_SUFFIXES

FILES_PER_HELD_OUT = (
    20  # of a folder, every this-many-th file is held out, and the one before it is for validation
)
SILENCE_DBFS = -90.0
NamedSamples = tuple[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Speech:
    """Mono recordings [time], float32, at one rate.

    Attributes:
        training: What is trained on.
        validation: What a run is looked at with while it trains, with names.
        held_out: What the finished model is judged by, once; nothing is chosen by it.
    """

    training: tuple[NDArray[np.float32], ...]
    validation: tuple[NamedSamples, ...]
    held_out: tuple[NamedSamples, ...]
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Of training material."""
        return sum(map(len, self.training)) / self.sample_rate


def require_sound(speech: Speech, source: str) -> None:
    """Refuse material of silence: a training on it fails in ways that look like other faults.

    Raises:
        UsageError: If no recording to train on, or none that is held out, has a sound in it.
    """
    lowest = 10 ** (SILENCE_DBFS / 20)
    held_out = [samples for _, samples in speech.held_out]
    for use, recordings in (("to train on", speech.training), ("held out", held_out)):
        if not any(len(samples) and np.abs(samples).max() > lowest for samples in recordings):
            raise UsageError(
                f"every recording {use} is silent",
                where=source,
                found=f"{len(recordings)} recordings, none above {SILENCE_DBFS:.0f} dBFS",
                hint="look at what wrote them; `auscult listen` says more of each",
            )


def read_folder(
    folder: Path, sample_rate: int, left_out: frozenset[str] = frozenset()
) -> tuple[list[NDArray[np.float32]], list[NamedSamples], list[NamedSamples]]:
    """Every audio file under a folder, mixed to mono and resampled: those to train on, and one in
    twenty each for validation and held out.

    Raises:
        UsageError: If there are fewer than three audio files.
    """
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in READABLE_SUFFIXES and str(path) not in left_out
    )
    if len(paths) < 3:
        raise UsageError(
            "too few recordings to train on, to validate with and to hold one out",
            where=str(folder),
            expected=f"three or more of {', '.join(READABLE_SUFFIXES)}",
            found=len(paths),
            hint="name a folder of recordings, or a recipe whose speech espeak-ng makes",
        )
    training, validation, held_out = [], [], []
    for place, path in enumerate(reversed(paths)):
        samples = read_mono(path, sample_rate)
        if place % FILES_PER_HELD_OUT == 0:
            held_out.append((path.name, samples))
        elif place % FILES_PER_HELD_OUT == 1:
            validation.append((path.name, samples))
        else:
            training.append(samples)
    return training[::-1], validation[::-1], held_out[::-1]


def read_mono(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """A recording mixed to mono at `sample_rate`, float32 [time]."""
    from auscult.sound.recording import read_recording

    recording = read_recording(path)
    mono = recording.samples.mean(axis=tuple(range(recording.samples.ndim - 1)))
    if recording.sample_rate != sample_rate:
        mono = soxr.resample(mono, recording.sample_rate, sample_rate)
    return np.asarray(mono, np.float32)
