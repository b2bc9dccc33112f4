"""Images of the spectrum: what an upsampling layer leaves when its filter is missing or weak.

Source: Pons, Pascual, Cengarle & Serrà, "Upsampling artifacts in neural audio synthesis" (arXiv 2010.14356).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.sound.folding import moving_mean

Floats = NDArray[np.float32]

TREND_BINS = 17
WORTH_COMPARING = 0.1
"""Below this correlation nobody asks what chance gives."""
CONTROLS = (-13, -11, -9, -7, 7, 9, 11, 13)
"""Bins by which the mirror is moved, to see what chance gives."""
PARTS = 6
"""Stretches of time in which a mirror has to show: a chord may be symmetrical by chance."""
SEGMENT_SECONDS = 0.25
MIN_SEGMENTS = 4
COMMON_MULTIPLE = 240
"""Of the usual strides: a series is cut once at this period, whatever the stride."""
SEGMENT_DB = 30.0
"""Segments whose curvature is so far below the sharpest are silent."""


@dataclass(frozen=True)
class Mirror:
    """How alike the two sides of a frequency are.

    Attributes:
        hertz: The frequency.
        correlation: Of the fine structure below with that above, mirrored: the second lowest of six stretches of time.
        chance: The highest correlation about frequencies nearby.
    """

    hertz: float
    correlation: float
    chance: float


def fine_structure(log_power: Floats) -> Floats:
    """Spectra in dB [frames, bins] without their trend over frequency."""
    return np.asarray(log_power - moving_mean(log_power, TREND_BINS))


def mirror(fine: Floats, stride: int, sample_rate: int) -> Mirror:
    """Compare the fine structure [frames, bins] about sample_rate / (2 * stride)."""
    bins = fine.shape[1] - 1
    if not len(fine):
        return Mirror(0.0, 0.0, 0.0)
    pivot = bins // stride
    parts = sorted(_mirrored(part, pivot) for part in np.array_split(fine, min(PARTS, len(fine))))
    correlation = parts[min(1, len(parts) - 1)]
    chance = max(_mirrored(fine, pivot + move) for move in CONTROLS) if correlation > WORTH_COMPARING else 0.0
    return Mirror(pivot / bins * sample_rate / 2, correlation, chance)


def _mirrored(fine: Floats, pivot: int) -> float:
    width = min(pivot - 2, fine.shape[1] - 3 - pivot)
    if width < 16:
        return 0.0
    below = fine[:, pivot - width : pivot - 1]
    above = fine[:, pivot + 2 : pivot + width + 1][:, ::-1]
    scale = np.sqrt(float(np.vdot(below, below)) * float(np.vdot(above, above)))
    return float(np.vdot(below, above)) / scale if scale > 0 else 0.0


def segments(series: Floats, sample_rate: int, stride: int) -> NDArray[np.float64]:
    """Means at each phase of a stride in segments of `SEGMENT_SECONDS`, [segments, stride], of [time] values."""
    grid = COMMON_MULTIPLE if COMMON_MULTIPLE % stride == 0 else stride
    length = max(grid, int(SEGMENT_SECONDS * sample_rate) // grid * grid)
    count = len(series) // length
    table = series[: count * length].reshape(count, length // grid, grid).sum(axis=1) / np.float32(length // grid)
    return np.asarray(table.reshape(count, grid // stride, stride).mean(axis=1, dtype=np.float64))


@dataclass(frozen=True)
class Lines:
    """Steady tones at multiples of sample_rate / stride.

    Attributes:
        level_db: Of the loudest of them, against the sound.
        coherence: How steady its phase is over the segments: 1 for a tone at that very frequency, 1 / segments by chance.
        steadiness: Its smallest amplitude over the segments (a tenth of them left out) against the mean.
        hertz: Its frequency.
        segments: How many there were.
    """

    level_db: float
    coherence: float
    steadiness: float
    hertz: float
    segments: int


def lines(voice: Floats, sample_rate: int, stride: int) -> Lines:
    """Look for tones that repeat every `stride` samples in [time] samples."""
    folded = segments(voice, sample_rate, stride)
    count = len(folded)
    if count < MIN_SEGMENTS or stride < 2:
        return Lines(-np.inf, 0.0, 0.0, 0.0, count)
    tones = np.fft.rfft(folded, axis=1)[:, 1:] / stride  # [segments, harmonics]
    together, apart = np.abs(tones.mean(axis=0)), np.sqrt(np.mean(np.abs(tones) ** 2, axis=0))
    best = int((together**2 / np.maximum(apart, 1e-20)).argmax())
    size = np.abs(tones[:, best])
    rms = float(np.sqrt(np.mean(np.square(voice, dtype=np.float64))))
    loudness = float(together[best]) * (2.0 if 2 * (best + 1) < stride else 1.0) / np.sqrt(2)
    return Lines(
        20 * float(np.log10(max(loudness, 1e-20) / max(rms, 1e-20))),
        float((together[best] / max(float(apart[best]), 1e-20)) ** 2),
        float(np.percentile(size, 10) / max(float(size.mean()), 1e-20)),
        (best + 1) * sample_rate / stride,
        count,
    )


@dataclass(frozen=True)
class Phases:
    """How unequal the phases of an upsampling are.

    Attributes:
        imbalance_db: Between the phase with the largest and that with the smallest curvature.
        z: The same over its standard error, from the scatter of the segments.
    """

    imbalance_db: float
    z: float


def phases(log_curvature: Floats, sample_rate: int, stride: int) -> Phases:
    """Compare levels of the second difference in dB [time] at the phases of a stride, in segments in which there is sound.

    The mean is taken of the logarithm, so that a few corners do not count for more than their number.
    """
    db = segments(log_curvature, sample_rate, stride)
    if len(db) < MIN_SEGMENTS:
        return Phases(0.0, 0.0)
    total = db.mean(axis=1)
    db = db[total > total.max() - SEGMENT_DB]
    if len(db) < MIN_SEGMENTS:
        return Phases(0.0, 0.0)
    db = db - db.mean(axis=1, keepdims=True)
    means, errors = np.median(db, axis=0), db.std(axis=0) / np.sqrt(len(db)) * 1.25
    high, low = int(means.argmax()), int(means.argmin())
    imbalance = float(means[high] - means[low])
    return Phases(imbalance, imbalance / max(float(np.hypot(errors[high], errors[low])), 1e-3))
