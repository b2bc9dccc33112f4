"""The pitch of a voice or instrument over time, by YIN.

Source: de Cheveigné & Kawahara (2002), "YIN, a fundamental frequency estimator for speech and
music": steps 2 to 5 (difference function, its cumulative mean, threshold, parabola), and a median
over five frames against single octave errors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.sound.mel_definition import Samples

MIN_HERTZ, MAX_HERTZ = 60.0, 700.0
"""Lowest and highest pitch that is looked for. Chosen, not measured."""
HOP_SECONDS = 0.01
"""Time from one value of the pitch to the next. Chosen, not measured."""
VOICED_THRESHOLD = 0.15
"""Of the normalised difference, below which a frame is voiced. Chosen, not measured."""
SILENCE_DB = 45.0
"""Frames this far below the loudest are silent. Chosen, not measured."""
ANALYSIS_RATE = 16000
"""Hz at which pitch is estimated. Chosen, not measured."""
BLOCK_FRAMES = 400
"""Frames that are transformed at once. Chosen, not measured."""
MAX_LEAP_OCTAVES = 0.25
"""A value farther than this from the median of its neighbours is an error. Chosen, not measured."""


def estimate_pitch_hertz(samples: Samples, sample_rate: int) -> NDArray[np.float64]:
    """Pitch every 10 ms of [time] samples, NaN where there is none."""
    from auscult.sound.recording import Recording

    slow_samples = (
        Recording.from_mono(samples, sample_rate).resample(ANALYSIS_RATE).mono.astype(np.float64)
    )
    slow_samples = slow_samples - slow_samples.mean()
    longest, shortest = int(ANALYSIS_RATE / MIN_HERTZ) + 2, int(ANALYSIS_RATE / MAX_HERTZ)
    size, hop = 2 * longest, int(HOP_SECONDS * ANALYSIS_RATE)
    usual_period = int(
        np.sqrt(longest * shortest)
    )  # a frame is centred on what is compared at that period
    padded = np.pad(slow_samples, ((size + usual_period) // 2, size + longest))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size + longest)[::hop][
        : max(len(slow_samples) // hop, 1)
    ]
    parts = [
        _estimate_by_yin(frames[start : start + BLOCK_FRAMES], size, longest, shortest)
        for start in range(0, len(frames), BLOCK_FRAMES)
    ]
    hertz, power = (np.concatenate(each) for each in zip(*parts, strict=True))
    is_loud = power > power.max(initial=0.0) * 10.0 ** (-SILENCE_DB / 10.0)
    return _remove_leaps(np.where(is_loud & (power > 0), hertz, np.nan))


def _estimate_by_yin(
    frames: NDArray[np.float64], size: int, longest: int, shortest: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pitch and power of frames [frames, size + longest]."""
    from scipy import fft

    head = frames[:, :size]
    length = fft.next_fast_len(frames.shape[1] + size, real=True)
    cross = fft.irfft(fft.rfft(frames, length) * np.conj(fft.rfft(head, length)), length)[
        :, : longest + 1
    ]
    energy = np.concatenate(
        [np.zeros((len(frames), 1)), np.cumsum(np.square(frames), axis=1)], axis=1
    )
    lags = np.arange(longest + 1)
    moved = energy[:, lags + size] - energy[:, lags]
    difference = np.maximum(moved[:, :1] + moved - 2 * cross, 0.0)
    mean = np.cumsum(difference[:, 1:], axis=1) / lags[1:]
    normalised = np.ones_like(difference)
    normalised[:, 1:] = difference[:, 1:] / np.maximum(mean, 1e-20)
    hertz = np.array([_find_first_dip(row, shortest) for row in normalised])
    return ANALYSIS_RATE / hertz, moved[:, 0]


def _find_first_dip(row: NDArray[np.float64], shortest: int) -> float:
    """The first local minimum below the threshold, between samples by a parabola; NaN if there is
    none.
    """
    places_below = np.flatnonzero(row[shortest:-1] < VOICED_THRESHOLD) + shortest
    if not len(places_below):
        return np.nan
    lag = int(places_below[0])
    while lag + 2 < len(row) and row[lag + 1] < row[lag]:
        lag += 1
    previous_value, dip_value, next_value = row[lag - 1], row[lag], row[lag + 1]
    bend = previous_value - 2 * dip_value + next_value
    return lag + (0.5 * (previous_value - next_value) / bend if bend > 0 else 0.0)


def _remove_leaps(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each value replaced by the median of the voiced among five frames if it is more than a fifth
    off it.
    """
    padded = np.pad(hertz, 2, constant_values=np.nan)
    neighbourhoods = np.lib.stride_tricks.sliding_window_view(padded, 5)
    voiced_counts = np.isfinite(neighbourhoods).sum(axis=1)
    local_median = np.full(len(hertz), np.nan)
    local_median[voiced_counts > 0] = np.nanmedian(neighbourhoods[voiced_counts > 0], axis=1)
    is_leap = np.isfinite(hertz) & (np.abs(np.log2(hertz / local_median)) > MAX_LEAP_OCTAVES)
    return np.where(is_leap, np.nan, hertz)
