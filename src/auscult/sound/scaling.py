"""How fast one recording runs against another, from their spectrograms: scaled in time and pitch,
or in time alone.

Both are searched on a spectrogram with a logarithmic frequency axis: played r times as fast, a
sound's patterns are r times as dense in time and lie log2(r) octaves higher; stretched, they are
only denser. Every ratio is tried at every lag by correlation, coarse first and then around the
best. Phases play no part, so it holds for a vocoder's output too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from auscult.facts.windows import make_symmetric_hann
from auscult.sound.correlation import correlate_lags
from auscult.sound.mel_definition import Samples

ScalingKind = Literal["rate", "stretch"]
Pattern = NDArray[np.float32]

BANDS_PER_OCTAVE = 24
"""Bands per octave of a log-frequency spectrogram. Chosen, not measured."""
LOWEST_HZ, HIGHEST_HZ = 90.0, 7000.0
"""Edges of the log-frequency spectrogram. Chosen, not measured."""
FLOOR_DB = 60.0
"""Levels this far below the loudest count as that. Chosen, not measured."""
MAX_FRAMES = 1500
"""Longer recordings get fewer frames per second, down to `MIN_FRAMES_PER_SECOND`; what is longer
still is cut.

Chosen, not measured.
"""
FRAMES_PER_SECOND, MIN_FRAMES_PER_SECOND = 50.0, 12.5
"""Frames per second, and their least number. Chosen, not measured."""
MAX_RATIO = 2.6
"""Ratios from 1 / `MAX_RATIO` to `MAX_RATIO` are tried: 8,000 against 20,000 Hz and the like.

Chosen, not measured.
"""
COARSE_STEP, FINE_STEP = 0.02, 0.0025
"""Steps of the natural logarithm of the speed, of the first and of the second search.

Chosen, not measured.
"""
MIN_SHARE_OF_OVERLAP = 0.6
"""Of the shorter pattern: lags at which less overlaps are not looked at. Chosen, not measured."""
SHARPENING_DENSITY = 4
"""How many times as many frames a reading is sharpened on. Chosen, not measured."""


@dataclass(frozen=True)
class SpeedScaling:
    """One reading of how the recording runs against the reference.

    Attributes:
        kind: `rate` scales time and pitch together, `stretch` time alone.
        speed: Seconds of the reference that pass in one second of the recording; above 1 it is too
            fast.
        lag_seconds: Where the reference's start lies in the recording, in seconds of the recording
            slowed down to the reference.
        correlation: Of the two spectrograms, -1 to 1.
    """

    kind: ScalingKind
    speed: float
    lag_seconds: float
    correlation: float


def make_log_frequency_pattern(samples: Samples, rate: float, frames_per_second: float) -> Pattern:
    """Spectrogram in dB on a logarithmic frequency axis, [bands, frames], each frame less its own
    smooth colour.

    What is subtracted is the mean over an octave around each band, so that level, tilt and
    equalisers play no part. One more row holds the level of the frame.
    """
    n_fft = 2 ** int(np.ceil(np.log2(rate * 0.064)))
    window = make_symmetric_hann(n_fft)
    centres = np.arange(0, max(len(samples), 1) / rate, 1.0 / frames_per_second)
    padded = np.pad(samples, n_fft // 2)
    edges = LOWEST_HZ * 2.0 ** (
        np.arange(int(np.log2(HIGHEST_HZ / LOWEST_HZ) * BANDS_PER_OCTAVE) + 1) / BANDS_PER_OCTAVE
    )
    columns = [
        _measure_band_power(padded[start : start + n_fft], window, edges * n_fft / rate)
        for start in np.rint(centres * rate).astype(int)
    ]
    power = np.array(columns).T
    loudest = power.max(initial=0.0)
    if loudest <= 0:
        return np.zeros((len(edges), len(centres)), np.float32)
    level = 10.0 * np.log10(np.maximum(power, loudest * 10.0 ** (-FLOOR_DB / 10.0)))
    smooth = _smooth_over_bands(level, BANDS_PER_OCTAVE)
    total = 10.0 * np.log10(
        np.maximum(power.sum(axis=0), power.sum(axis=0).max() * 10.0 ** (-FLOOR_DB / 10.0))
    )
    total = (total - total.mean()) * np.sqrt(len(level)) * 0.5
    return np.vstack([level - smooth, total]).astype(np.float32)


def _measure_band_power(
    frame: Samples, window: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean power between the edges (in bins), bins cut where an edge falls inside one."""
    padded = np.zeros(len(window))
    padded[: len(frame)] = frame
    power = np.abs(np.fft.rfft(padded * window)) ** 2
    below = np.interp(
        edges, np.arange(len(power) + 1) - 0.5, np.concatenate([[0.0], np.cumsum(power)])
    )
    return np.asarray(np.diff(below) / np.diff(edges))


def _smooth_over_bands(level: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    from scipy.ndimage import uniform_filter1d

    return np.asarray(uniform_filter1d(level, width, axis=0, mode="nearest"))


def slow_pattern(pattern: Pattern, speed: float, kind: ScalingKind) -> tuple[Pattern, slice]:
    """The pattern slowed down by `speed`, and lowered by as much for a `rate`; with the bands that
    are still known.
    """
    frames = pattern.shape[1]
    length = max(round(frames * speed), 2)
    positions = np.minimum(np.arange(length) / speed, frames - 1)
    low = positions.astype(int)
    high = np.minimum(low + 1, frames - 1)
    share = (positions - low).astype(np.float32)
    slowed = pattern[:, low] * (1 - share) + pattern[:, high] * share
    shift = np.log2(speed) * BANDS_PER_OCTAVE if kind == "rate" else 0.0
    bands = len(pattern) - 1
    whole = int(np.floor(shift))
    part = np.float32(shift - whole)
    rows = np.arange(bands)
    first, second = np.clip(rows + whole, 0, bands - 1), np.clip(rows + whole + 1, 0, bands - 1)
    moved = slowed[first] * (1 - part) + slowed[second] * part
    valid_bands = slice(max(0, -whole), min(bands, bands - whole - 1) if shift else bands)
    return np.vstack([moved, slowed[-1:]]), valid_bands


class _ScalingSearch:
    """Two recordings as patterns, and what correlation each reading has."""

    def __init__(
        self, recording: Samples, reference: Samples, rate: int, *, density: int = 1
    ) -> None:
        seconds = max(len(recording), len(reference)) / rate
        self.frames_per_second = density * float(
            np.clip(MAX_FRAMES / max(seconds, 1e-3), MIN_FRAMES_PER_SECOND, FRAMES_PER_SECOND)
        )
        longest = int(MAX_RATIO * MAX_FRAMES / MIN_FRAMES_PER_SECOND * rate)
        self.recording = make_log_frequency_pattern(
            recording[:longest], rate, self.frames_per_second
        )
        self.reference = make_log_frequency_pattern(
            reference[:longest], rate, self.frames_per_second
        )

    def reading(self, kind: ScalingKind, speed: float) -> SpeedScaling:
        slowed, valid_bands = slow_pattern(self.recording, speed, kind)
        rows = [*range(*valid_bands.indices(len(slowed) - 1)), len(slowed) - 1]
        shorter = min(slowed.shape[1], self.reference.shape[1])
        first, values = correlate_lags(
            slowed[rows],
            self.reference[rows],
            min_overlap=max(int(MIN_SHARE_OF_OVERLAP * shorter), 2),
        )
        top = int(np.argmax(values))
        return SpeedScaling(kind, speed, (first + top) / self.frames_per_second, float(values[top]))

    def best(self, kind: ScalingKind, speeds: NDArray[np.float64]) -> SpeedScaling:
        return max(
            (self.reading(kind, float(speed)) for speed in speeds),
            key=lambda scaling: scaling.correlation,
        )


def correlate_patterns(recording: Samples, reference: Samples, rate: int) -> SpeedScaling:
    """How alike the two spectrograms are at the same speed, at the best lag."""
    return _ScalingSearch(recording, reference, rate).reading("stretch", 1.0)


def find_scalings(
    recording: Samples, reference: Samples, rate: int
) -> tuple[SpeedScaling, SpeedScaling, SpeedScaling]:
    """The correlation at the same speed, and the best readings as another rate and as a stretch.

    Args:
        recording, reference: [time] samples, both at `rate`.
    """
    search = _ScalingSearch(recording, reference, rate)
    same_speed = search.reading("stretch", 1.0)
    coarse_speeds = np.exp(np.arange(-np.log(MAX_RATIO), np.log(MAX_RATIO), COARSE_STEP))
    length_ratio = len(reference) / max(len(recording), 1)
    if 1 / MAX_RATIO < length_ratio < MAX_RATIO:
        coarse_speeds = np.append(coarse_speeds, length_ratio)
    return (
        same_speed,
        _refine_scaling(search, "rate", coarse_speeds),
        _refine_scaling(search, "stretch", coarse_speeds),
    )


def sharpen_scaling(
    scaling: SpeedScaling, recording: Samples, reference: Samples, rate: int
) -> SpeedScaling:
    """The reading with its speed searched again on denser frames: a lag known to 20 ms would hide
    half a percent in seconds.
    """
    search = _ScalingSearch(recording, reference, rate, density=SHARPENING_DENSITY)
    near_scaling = search.best(
        scaling.kind, scaling.speed * np.exp(np.linspace(-4 * FINE_STEP, 4 * FINE_STEP, 17))
    )
    return search.best(
        scaling.kind, near_scaling.speed * np.exp(np.linspace(-FINE_STEP / 2, FINE_STEP / 2, 11))
    )


def _refine_scaling(
    search: _ScalingSearch, kind: ScalingKind, coarse_speeds: NDArray[np.float64]
) -> SpeedScaling:
    coarse_scaling = search.best(kind, coarse_speeds)
    steps = np.arange(-COARSE_STEP, COARSE_STEP + FINE_STEP / 2, FINE_STEP)
    fine_scaling = search.best(kind, coarse_scaling.speed * np.exp(steps))
    finest_scaling = search.best(
        kind, fine_scaling.speed * np.exp(np.linspace(-FINE_STEP, FINE_STEP, 11))
    )
    return max(
        (coarse_scaling, fine_scaling, finest_scaling), key=lambda scaling: scaling.correlation
    )
