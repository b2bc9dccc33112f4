"""How well short frames of a waveform can be predicted from their past, before and after a curve on the samples.

A voice and most music are sums of a few resonances: linear prediction takes off 10 to 50 dB. A curve
on the samples (mu-law, a limiter) adds products of every pair of frequencies, which it cannot take off.
Putting the curve right gives the prediction back: so a curve is seen without the original.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

ORDER = 16
"""Order of the linear prediction. Chosen, not measured."""
FRAME_SECONDS = 0.032
"""Length of a frame. Chosen, not measured."""
MAX_FRAMES = 60
"""Frames, evenly spaced among the sounding ones. Chosen, not measured."""
SOUNDING_SHARE = 0.03
"""Of the loud frames' energy: what is above is looked at. Chosen, not measured."""
MAX_MEAN_SHARE = 0.05
"""Of a frame's energy, that its mean may have: what lies on a constant is predicted by it. Chosen, not
measured."""
TINY = 1e-30
"""Added to energies, so that silence divides by no zero. Chosen, not measured."""


def choose_frames(voice: Floats, sample_rate: int) -> Doubles:
    """Sounding frames of [time] samples, scaled to a peak of 1, [frames, frame]; none where it is silent."""
    size = max(int(FRAME_SECONDS * sample_rate), 4 * ORDER)
    frames = voice[: len(voice) // size * size].reshape(-1, size).astype(np.float64)
    energies = np.square(frames).mean(axis=1)
    if not len(frames) or energies.max() <= 0:
        return frames[:0]
    loud = float(np.percentile(energies[energies > 0], 95))
    is_centred = np.square(frames.mean(axis=1)) < MAX_MEAN_SHARE * energies
    sounding = np.flatnonzero((energies > SOUNDING_SHARE * loud) & is_centred)
    chosen = sounding[np.linspace(0, len(sounding) - 1, min(len(sounding), MAX_FRAMES)).astype(int)]
    return np.asarray(frames[chosen] / np.abs(voice).max())


def measure_prediction_db(frames: Doubles) -> Doubles:
    """By how much linear prediction lowers the energy of each of [frames, frame], in dB, [frames]."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = frames.shape[1]
    length = next_fast_len(size + ORDER, real=True)
    spectra = rfft(frames * np.hanning(size), length, axis=1)
    correlations = irfft(np.square(np.abs(spectra)), length, axis=1)[:, : ORDER + 1]
    correlations[:, 0] = correlations[:, 0] * (1 + 1e-6) + TINY
    left = correlations[:, 0].copy()
    weights = np.zeros((len(frames), ORDER + 1))
    weights[:, 0] = 1.0
    for order in range(1, ORDER + 1):  # Levinson and Durbin, all frames at once
        past = weights[:, :order].copy()
        reflection = -(correlations[:, order:0:-1] * past).sum(axis=1) / left
        weights[:, 1 : order + 1] += reflection[:, None] * past[:, ::-1]
        left = np.maximum(left * (1 - np.square(reflection)), TINY)
    return np.asarray(10 * np.log10(correlations[:, 0] / left))


def measure_curve_gain_db(
    frames: Doubles, curve: Callable[[Doubles], Doubles], scales: Sequence[float]
) -> float:
    """By how much a curve on the samples, times the best one of the scales, makes frames more
    predictable, median in dB: below zero for a sound that has not been bent.
    """
    straight = measure_prediction_db(frames)
    gains = (measure_prediction_db(curve(scale * frames)) - straight for scale in scales)
    return max(float(np.median(gain)) for gain in gains)
