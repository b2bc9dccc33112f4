"""Whether a recording says one thing twice: its two parts on one path of time.

Two renderings of one text are never one waveform, and never of one pace. Their spectra are, once one is
warped in time onto the other (dynamic time warping; Sakoe & Chiba 1978).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.recording import Recording

Doubles = NDArray[np.float64]

RATE = 16000
"""Hz at which likeness is measured. Chosen, not measured."""
HOP = 512
"""Samples from frame to frame. Chosen, not measured."""
BANDS = 24
"""Bands of a frame. Chosen, not measured."""
MAX_FRAMES = 280
"""Frames of a recording beyond which its hop grows. Chosen, not measured."""
MIN_PART_FRAMES = 12
"""Frames that each saying has at least. Chosen, not measured."""
RANGE_DB = 50.0
"""Levels farther below the loudest are all one. Chosen, not measured."""
PLACES = np.arange(0.42, 0.585, 0.027)
"""Shares of the whole at which the second saying may begin: the two are about as long."""
MAX_WARP = 0.15
"""Share of a saying by which the other may run ahead. Chosen, not measured."""
DEFINITION = MelDefinition(
    sample_rate=RATE, n_fft=1024, win=1024, hop=HOP, n_mels=BANDS, padding="centre", clip=1e-6
)


@dataclass(frozen=True)
class Likeness:
    """How alike the two parts of a recording are.

    Attributes:
        likeness: Correlation of their spectra along the best path, -1 to 1.
        backwards: The same with the second part backwards: a drone is as alike either way.
        place: Where the second begins, in seconds.
    """

    likeness: float
    backwards: float
    place: float


def measure_likeness(samples: NDArray[np.float32], rate: int) -> Likeness | None:
    """The best of all borders between two parts; None where there is too little sound."""
    voice = Recording.from_mono(samples, rate).resample(RATE).mono
    hop = max(HOP, len(voice) // MAX_FRAMES)
    if len(voice) < 2 * MIN_PART_FRAMES * hop + DEFINITION.n_fft:
        return None
    mel = mel_spectrogram(voice, replace(DEFINITION, hop=hop)).T.astype(np.float64)
    mel = np.maximum(mel, mel.max() - RANGE_DB / 20 * np.log(10))
    mel -= mel.mean(axis=0)
    places = np.unique((PLACES * len(mel)).astype(int))
    rated = [(_warp(mel[:place], mel[place:]), place) for place in places]
    likeness, place = max(rated)
    backwards = _warp(mel[:place], mel[place:][::-1])
    return Likeness(likeness, backwards, float(place) * hop / RATE)


def _warp(first: Doubles, second: Doubles) -> float:
    """Mean correlation of the frames of two parts, [frames, bands], along the best path."""
    norms = [np.linalg.norm(part, axis=1) + 1e-9 for part in (first, second)]
    cosines = (first @ second.T) / (norms[0][:, None] * norms[1])
    weights = np.sqrt(norms[0][:, None] * norms[1])
    rows, columns = cosines.shape
    reach = max(int(MAX_WARP * max(rows, columns)), abs(rows - columns) + 1)
    cost = np.full((rows + 1, columns + 1), np.inf)
    total = np.zeros((rows + 1, columns + 1))
    cost[0, 0] = 0.0
    distance = (1.0 - cosines) * weights
    for i in range(1, rows + 1):
        middle = i * columns // rows
        for j in range(max(1, middle - reach), min(columns, middle + reach) + 1):
            steps = ((i - 1, j - 1), (i - 1, j), (i, j - 1))
            best = min(steps, key=lambda step: cost[step])
            cost[i, j] = cost[best] + distance[i - 1, j - 1]
            total[i, j] = total[best] + weights[i - 1, j - 1]
    return float(1.0 - cost[rows, columns] / max(total[rows, columns], 1e-9))
