"""The pitch of a voice or instrument over time, by YIN.

Source: de Cheveigné & Kawahara (2002), "YIN, a fundamental frequency estimator for speech and music": steps 2 to 5 (difference
function, its cumulative mean, threshold, parabola), and a median over five frames against single octave errors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.sound.mel import Samples

MIN_HERTZ, MAX_HERTZ = 60.0, 700.0
HOP_SECONDS = 0.01
THRESHOLD = 0.15
"""Of the normalised difference, below which a frame is voiced."""
LEVEL_DB = 45.0
"""Frames this far below the loudest are silent."""
RATE = 16000
BLOCK = 400


def pitch_hertz(samples: Samples, sample_rate: int) -> NDArray[np.float64]:
    """Pitch every 10 ms of [time] samples, NaN where there is none."""
    from auscult.sound.recording import Recording

    slow = Recording.mono_of(samples, sample_rate).resampled(RATE).mono.astype(np.float64)
    slow = slow - slow.mean()
    longest, shortest = int(RATE / MIN_HERTZ) + 2, int(RATE / MAX_HERTZ)
    size, hop = 2 * longest, int(HOP_SECONDS * RATE)
    usual = int(
        np.sqrt(longest * shortest)
    )  # a frame is centred on what is compared at that period
    padded = np.pad(slow, ((size + usual) // 2, size + longest))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size + longest)[::hop][
        : max(len(slow) // hop, 1)
    ]
    parts = [
        _yin(frames[start : start + BLOCK], size, longest, shortest)
        for start in range(0, len(frames), BLOCK)
    ]
    hertz, power = (np.concatenate(each) for each in zip(*parts, strict=True))
    loud = power > power.max(initial=0.0) * 10.0 ** (-LEVEL_DB / 10.0)
    return _without_leaps(np.where(loud & (power > 0), hertz, np.nan))


def _yin(
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
    hertz = np.array([_first_dip(row, shortest) for row in normalised])
    return RATE / hertz, moved[:, 0]


def _first_dip(row: NDArray[np.float64], shortest: int) -> float:
    """The first local minimum below the threshold, between samples by a parabola; NaN if there is none."""
    below = np.flatnonzero(row[shortest:-1] < THRESHOLD) + shortest
    if not len(below):
        return np.nan
    lag = int(below[0])
    while lag + 2 < len(row) and row[lag + 1] < row[lag]:
        lag += 1
    left, middle, right = row[lag - 1], row[lag], row[lag + 1]
    bend = left - 2 * middle + right
    return lag + (0.5 * (left - right) / bend if bend > 0 else 0.0)


def _without_leaps(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each value replaced by the median of the voiced among five frames if it is more than a fifth off it."""
    padded = np.pad(hertz, 2, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, 5)
    known = np.isfinite(around).sum(axis=1)
    middle = np.full(len(hertz), np.nan)
    middle[known > 0] = np.nanmedian(around[known > 0], axis=1)
    leaps = np.isfinite(hertz) & (np.abs(np.log2(hertz / middle)) > 0.25)
    return np.where(leaps, np.nan, hertz)
