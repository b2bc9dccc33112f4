"""Log-spectral distance: per frame the root mean square over the bins of the difference of power
spectra in dB, mean over frames.

Gray & Markel (1976). Frames of about 46 ms, a quarter apart; both floored `FLOOR_DB` below the
reference's loudest bin, without which digital silence would decide it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from auscult.facts.windows import make_symmetric_hann
from auscult.sound.figures import Figure, SoundPair
from auscult.sound.mel_definition import Samples

FRAME_SECONDS = 0.046
"""Length of the frames; they have the nearest power of two in samples. Chosen, not measured."""
FLOOR_DB = 100.0
"""Levels this far below the reference's loudest bin count as that. Chosen, not measured."""
BLOCK_FRAMES = 2000
"""Frames that are transformed at once. Chosen, not measured."""


def log_spectral_distance_db(candidate: Samples, reference: Samples, sample_rate: int) -> float:
    """In dB, of [time] samples."""
    size = 2 ** round(np.log2(FRAME_SECONDS * sample_rate))
    floor = max(
        (float(power.max()) for power in _iter_powers(reference, size)), default=0.0
    ) * 10.0 ** (-FLOOR_DB / 10.0)
    distances = [
        np.sqrt(
            np.square(
                _power_to_decibels(candidate_power, floor)
                - _power_to_decibels(reference_power, floor)
            ).mean(axis=1)
        )
        for candidate_power, reference_power in zip(
            _iter_powers(candidate, size), _iter_powers(reference, size), strict=True
        )
    ]
    return float(np.concatenate(distances).mean())


def _iter_powers(samples: Samples, size: int) -> Iterator[NDArray[np.float64]]:
    """Power spectra of Hann-windowed frames, [frames, bins], in blocks."""
    if len(samples) < size:
        samples = np.pad(samples, (0, size - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 4]
    for start in range(0, len(frames), BLOCK_FRAMES):
        yield np.square(
            np.abs(
                np.fft.rfft(
                    frames[start : start + BLOCK_FRAMES] * make_symmetric_hann(size), axis=1
                )
            )
        )


def _power_to_decibels(power: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    return np.asarray(10.0 * np.log10(np.maximum(power, max(floor, 1e-30))))


def measure(pair: SoundPair) -> Iterator[Figure]:
    yield Figure(
        "lsd",
        log_spectral_distance_db(pair.candidate, pair.wanted, pair.sample_rate),
        "dB",
        "lower",
        "spectrum",
    )
