"""Longer or shorter at the same pitch, by a phase vocoder. The strength is the factor on the duration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "time-stretch"
LEVEL = "reference"
UNIT = "of the duration"
STRENGTHS = (1.02, 0.95, 1.1, 0.8, 1.5, 0.6)
AUDIBLE = 1.02


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    return replace_samples(
        recording, np.stack([stretched(channel, strength) for channel in recording.samples])
    )


def stretched(samples: NDArray[np.float32], factor: float, size: int = 1024) -> NDArray[np.float64]:
    """[time] samples that take `factor` times as long: magnitudes interpolated, phases advanced by what they moved."""
    from scipy.signal import istft, stft

    hop = size // 4
    _, _, spectrum = stft(samples, nperseg=size, noverlap=size - hop)
    at = np.arange(0, spectrum.shape[1] - 1, 1 / factor)
    low = at.astype(int)
    share = at - low
    magnitude = (1 - share) * np.abs(spectrum[:, low]) + share * np.abs(spectrum[:, low + 1])
    expected = 2 * np.pi * hop * np.arange(size // 2 + 1)[:, None] / size
    moved = np.angle(spectrum[:, low + 1]) - np.angle(spectrum[:, low]) - expected
    moved = expected + moved - 2 * np.pi * np.rint(moved / (2 * np.pi))
    phase = np.angle(spectrum[:, :1]) + np.cumsum(
        np.concatenate([np.zeros((len(moved), 1)), moved[:, :-1]], axis=1), axis=1
    )
    result = istft(magnitude * np.exp(1j * phase), nperseg=size, noverlap=size - hop)[1]
    return np.asarray(result[: round(len(samples) * factor)], np.float64)
