"""The lag of one recording behind another to a fraction of a sample, and how it grows over time.

A clock that runs a few parts per million off moves the lag by samples in a minute. So the lag is
measured on many short pieces, and a line is laid through those that agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.sound.correlation import correlate_lags, find_peak
from auscult.sound.mel_definition import Samples

MAX_PIECES = 24
"""Pieces on which a lag is measured. Chosen, not measured."""
PIECE_SECONDS = 0.6
"""Length of a piece. Chosen, not measured."""
MIN_PIECE_CORRELATION = 0.3
"""Correlation below which a piece's lag is not believed. Chosen, not measured."""
MAX_OFF_LINE = 1.5
"""Samples that a piece's lag may be off the common line. Chosen, not measured."""
QUIET_DB = 45.0
"""Pieces farther below the loudest are not looked at. Chosen, not measured."""
MIN_DRIFT_SAMPLES = 1.0
"""A drift that moves the lag by less than this from beginning to end is none.

Chosen, not measured.
"""


@dataclass(frozen=True)
class LagTrack:
    """The lag over time.

    Attributes:
        lag: In samples, at the reference's first sample: `recording[n + lag] ~ reference[n]`.
        drift: Growth of the lag per sample of the reference; 0 where it cannot be told from none.
        coherence: Median absolute correlation of the pieces, at their own lags.
        agreeing: Share of the pieces whose lag lies on the line.
        sign: -1 where the pieces correlate negatively.
    """

    lag: float
    drift: float
    coherence: float
    agreeing: float
    sign: int


def take_first_difference(samples: Samples) -> Samples:
    """First difference: the high frequencies, which tell a lag to the sample, count as much as the
    low; DC goes.
    """
    return np.diff(samples, prepend=samples[:1])


def track_lag(
    recording: Samples,
    reference: Samples,
    lag: int,
    margin: int,
    rate: int,
    *,
    pieces: int = MAX_PIECES,
    sharpen: bool = True,
) -> LagTrack:
    """Follow the lag through the overlap of two [time] signals of one rate.

    Args:
        lag: About where the reference's start lies in the recording.
        margin: How many samples it may be off, on either side, anywhere.
        pieces: How many are looked at, at most.
        sharpen: Correlate first differences; without it the waveforms as they are, which added noise
            hides less.
    """
    piece = max(int(PIECE_SECONDS * rate), 64)
    starts = _choose_starts(recording, reference, lag, piece, pieces)
    positions, lags, heights = [], [], []
    for start in starts:
        low = max(start + lag - margin, 0)
        window = recording[low : start + lag + piece + margin]
        part = reference[start : start + piece]
        if len(window) < len(part) or not len(part):
            continue
        if sharpen:
            first, values = correlate_lags(
                take_first_difference(window), take_first_difference(part), min_overlap=len(part)
            )
        else:
            first, values = correlate_lags(
                window - window.mean(), part - part.mean(), min_overlap=len(part)
            )
        sign = 1 if values.max() >= -values.min() else -1
        place, height = find_peak(sign * values)
        positions.append(start + _find_energy_centre(part))
        lags.append(first + place + low - start)
        heights.append(sign * height)
    return _fit_line(np.array(positions), np.array(lags), np.array(heights), lag)


def _choose_starts(
    recording: Samples, reference: Samples, lag: int, piece: int, pieces: int
) -> list[int]:
    """Places in the reference that lie in the overlap and in which there is sound on both sides."""
    first, last = max(0, -lag), min(len(reference), len(recording) - lag) - piece
    if last <= first:
        if min(len(reference), len(recording) - lag) - first >= 64:
            return [first]
        return []
    count = min(pieces, max(2, (last - first) // (piece // 2)))
    starts = np.unique(np.linspace(first, last, count).astype(int))
    energy = np.array(
        [
            min(_measure_power(reference, s, piece), _measure_power(recording, s + lag, piece))
            for s in starts
        ]
    )
    return [
        int(s)
        for s, e in zip(starts, energy, strict=True)
        if e > 0 and e >= energy.max() * 10.0 ** (-QUIET_DB / 10.0)
    ]


def _find_energy_centre(part: Samples) -> float:
    """Where the energy of a piece lies, in samples: a lag is that of its loud places, such as the
    onset of a note.
    """
    energy = np.square(take_first_difference(part), dtype=np.float64)
    total = float(energy.sum())
    if total > 0:
        return float(energy @ np.arange(len(part)) / total)
    return len(part) / 2


def _measure_power(samples: Samples, start: int, length: int) -> float:
    part = take_first_difference(samples[max(start, 0) : start + length]).astype(np.float64)
    return float(part @ part)


def _fit_line(
    positions: NDArray[np.float64],
    lags: NDArray[np.float64],
    heights: NDArray[np.float64],
    lag: int,
) -> LagTrack:
    is_good = np.abs(heights) >= MIN_PIECE_CORRELATION
    coherence = float(np.median(np.abs(heights))) if len(heights) else 0.0
    if not is_good.any():
        return LagTrack(float(lag), 0.0, coherence, 0.0, 1)
    positions, lags, weights = positions[is_good], lags[is_good], np.abs(heights[is_good])
    sign = 1 if heights[is_good].sum() >= 0 else -1
    slope, start = _fit_robust_line(positions, lags)
    is_on_line = np.abs(lags - start - slope * positions) <= MAX_OFF_LINE
    if is_on_line.sum() >= 2 and np.ptp(positions[is_on_line]) > 0:
        slope, start = np.polyfit(positions[is_on_line], lags[is_on_line], 1, w=weights[is_on_line])
    if abs(slope) * np.ptp(positions) < MIN_DRIFT_SAMPLES:
        slope, start = (
            0.0,
            float(np.average(lags[is_on_line], weights=weights[is_on_line]))
            if is_on_line.any()
            else float(np.median(lags)),
        )
    return LagTrack(
        float(start), float(slope), coherence, float(is_on_line.sum() / len(is_good)), sign
    )


def _fit_robust_line(
    positions: NDArray[np.float64], lags: NDArray[np.float64]
) -> tuple[float, float]:
    """Theil and Sen: the median of the slopes of all pairs, then of the intercepts."""
    if len(positions) < 2:
        return 0.0, float(lags[0])
    i, j = np.triu_indices(len(positions), 1)
    is_apart = positions[j] != positions[i]
    if not is_apart.any():
        return 0.0, float(np.median(lags))
    slope = float(
        np.median((lags[j] - lags[i])[is_apart] / (positions[j] - positions[i])[is_apart])
    )
    return slope, float(np.median(lags - slope * positions))
