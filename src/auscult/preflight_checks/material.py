"""A batch where the user gave none: cut from a folder of recordings, or made of sounds with known
structure.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from auscult.errors import TargetError
from auscult.sound.recording import read_recording

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
ITEMS = 4
SECONDS = 1.0


def read_folder_batch(
    folder: str | Path, sample_rate: int, items: int = ITEMS, seconds: float = SECONDS
) -> Tensor:
    """The loudest second of each of the first recordings in a folder, at `sample_rate` Hz: [items,
    1, time].

    Raises:
        TargetError: If there are no recordings.
    """
    files = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)[
        :items
    ]
    if not files:
        raise TargetError(
            "holds no recordings",
            where=str(folder),
            expected=" ".join(SUFFIXES),
            found="none of these",
        )
    length = int(seconds * sample_rate)
    rows = [_cut_loudest(read_recording(path).resample(sample_rate).mono, length) for path in files]
    return torch.from_numpy(np.stack(rows))[:, None]


def _cut_loudest(samples: np.ndarray, length: int) -> np.ndarray:
    if len(samples) <= length:
        return np.pad(samples, (0, length - len(samples)))
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return samples[start : start + length]


def make_batch(sample_rate: int, time: int, items: int = ITEMS, seed: int = 0) -> Tensor:
    """Voices of a kind, [items, 1, time]: a pitch that glides, formants that move, syllables,
    breath, levels that differ.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(time) / sample_rate
    rows = []
    for item in range(items):
        pitch = rng.uniform(90, 240) * np.exp(
            0.15 * np.sin(2 * np.pi * rng.uniform(0.7, 2.0) * t + rng.uniform(0, 6))
        )
        phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
        formants = [
            f * np.exp(0.2 * np.sin(2 * np.pi * rng.uniform(1, 3) * t + rng.uniform(0, 6)))
            for f in (500, 1500, 2600)
        ]
        voice = np.zeros(time)
        for harmonic in range(1, int(0.45 * sample_rate / 240) + 1):
            gain = (
                sum(np.exp(-(((harmonic * pitch - formant) / 250) ** 2)) for formant in formants)
                + 0.02
            )
            voice += (
                gain
                / harmonic**0.5
                * np.sin(harmonic * phase)
                * (harmonic * pitch < 0.48 * sample_rate)
            )
        rate, offset = rng.uniform(3, 5), rng.uniform(0, 6)
        syllables = np.clip(np.sin(2 * np.pi * rate * t + offset) + 0.3, 0, None)
        breath = rng.standard_normal(time) * np.clip(
            np.sin(2 * np.pi * rate * t + offset + 3.0), 0, None
        )
        sound = voice * syllables + 0.15 * breath
        rows.append(
            sound
            / np.sqrt(np.mean(sound**2))
            * 0.05
            * 2.0 ** rng.uniform(-1, 1.3)
            * (1 + 0.3 * (item % 2))
        )
    return torch.from_numpy(np.stack(rows).astype(np.float32))[:, None]
