"""Sounds that do not move: noise of one colour, a tone, a period that repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FLOOR_DB = 80.0
"""Levels this far below the loudest count as that. Chosen, not measured."""
HEARD_DB = 60.0
"""A band whose mean is farther below the loudest moment says nothing about movement.

Chosen, not measured.
"""
LOWEST_HZ = 50.0
"""Lower frequencies are not looked at. Chosen, not measured."""
MIN_BIN_SHARE = 1e-9
"""Of the strongest bin's mean power: weaker bins are not looked at. Chosen, not measured."""


@dataclass(frozen=True)
class SpectralStillness:
    """How a spectrum behaves over time.

    Attributes:
        level_db: Mean over time and frequency of the level against the mean power of its bin: -2.5
            for stationary noise of any colour, about 0 for a steady tone, -8 and lower for speech
            and music.
        weighted_db: The same with every bin weighted by its energy: about 0 for a hum with some
            noise on it.
        peaks: Share of the energy in bins that stand out of their neighbours by 10 dB: near 0 for
            noise, near 1 for tones.
        centroid_hz: Centre of gravity of the mean power.
        colour_db: Standard deviation over frequency of the mean power in dB: 0 for white noise.
    """

    level_db: float
    weighted_db: float
    peaks: float
    centroid_hz: float
    colour_db: float


def measure_stillness(power: Floats, hertz: Floats) -> SpectralStillness:
    """Measure the power of frames [frames, bins], silent ends cut off beforehand."""
    from scipy.ndimage import median_filter

    if not len(power):
        return SpectralStillness(-100.0, -100.0, 0.0, 0.0, 0.0)
    mean = power.mean(axis=0, dtype=np.float64)
    is_audible = (mean > mean.max(initial=0.0) * MIN_BIN_SHARE) & (hertz > LOWEST_HZ)
    if is_audible.sum() < 16:
        return SpectralStillness(-100.0, -100.0, 0.0, 0.0, 0.0)
    ratio = power[:, is_audible] / mean[is_audible].astype(np.float32)
    levels = (10 * np.log10(np.maximum(ratio, 1e-10))).mean(axis=0, dtype=np.float64)
    noise_bed = median_filter(mean[is_audible], 31, mode="nearest")
    standing_out = mean[is_audible] > 10 * noise_bed
    total = float(mean[is_audible].sum())
    return SpectralStillness(
        float(levels.mean()),
        float(levels @ mean[is_audible]) / total,
        float(mean[is_audible][standing_out].sum()) / total,
        float((mean[is_audible] * hertz[is_audible]).sum()) / total,
        float((10 * np.log10(mean[is_audible])).std()),
    )


def measure_movement_db(power: Floats, hertz: Floats, bands: int = 32) -> float:
    """Standard deviation over time of the level in dB, mean over the mel-spaced bands that are
    heard, of frames [frames, bins].

    Levels more than `FLOOR_DB` below the loudest count as that; three frames are taken together, so
    that the scatter of noise itself stays small.
    """
    mel = 2595 * np.log10(1 + np.array([LOWEST_HZ, float(hertz[-1])]) / 700)
    edges = np.unique(
        np.searchsorted(hertz, 700 * (10 ** (np.linspace(mel[0], mel[1], bands + 1) / 2595) - 1))
    )
    level = np.add.reduceat(power, edges[:-1], axis=1)
    level = level[:-2] + level[1:-1] + level[2:]
    if not len(level) or level.max() <= 0:
        return 0.0
    is_audible = level.mean(axis=0) > level.max() * 10.0 ** (-HEARD_DB / 10)
    db = 10 * np.log10(np.maximum(level[:, is_audible], level.max() * 10.0 ** (-FLOOR_DB / 10)))
    return float(db.std(axis=0).mean())
