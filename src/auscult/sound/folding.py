"""What repeats with a period: a series cut at that period, laid on itself, and compared with
chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MIN_ROWS = 16
"""Periods that there have to be before a fold says anything. Chosen, not measured."""
SMALL_DIVISORS = (16, 5, 3)
NEIGHBOUR_REACH = 4
"""Samples to each side of a phase that belong to its corner. Chosen, not measured."""
MAX_SERIES_SAMPLES = 2**18
"""Samples that the search for an unknown period looks at. Chosen, not measured."""


@dataclass(frozen=True)
class FoldedSignal:
    """A series folded at a period.

    Attributes:
        period: In samples.
        phase: The sample of the period at which the series stands out most.
        z: By how many of their standard errors the mean there is above that of all phases.
        prominence: How much of that is above the highest phase more than `NEIGHBOUR_REACH` samples away:
            near 1 for one corner a period, near 0 for a pattern of many phases, or where the true
            period is a part of this one.
    """

    period: int
    phase: int
    z: float
    prominence: float


def fold_series(series: Floats, period: int, spread: float) -> FoldedSignal:
    """Fold [time] values of standard deviation `spread`; the error of a mean comes from the scatter
    of the phases, robustly.
    """
    rows = len(series) // period
    if rows < MIN_ROWS:
        return FoldedSignal(period, 0, 0.0, 0.0)
    means = _average_phases(series[: rows * period].reshape(rows, period))
    centre = float(np.median(means))
    scatter = 1.4826 * float(np.median(np.abs(means - centre)))
    scatter = max(scatter, 0.5 * spread / np.sqrt(rows), 1e-12)
    phase = int(means.argmax())
    top = float(means[phase])
    away = (
        np.abs((np.arange(period) - phase + period // 2) % period - period // 2) > NEIGHBOUR_REACH
    )
    if away.any():
        prominence = (top - float(means[away].max())) / max(top - centre, 1e-12)
    else:
        prominence = 0.0
    return FoldedSignal(period, phase, (top - centre) / scatter, prominence)


def _average_phases(table: Floats) -> NDArray[np.float64]:
    """Means of [rows, period] at each phase, less what repeats with a small divisor of the period:
    that is an upsampling's.
    """
    means = np.asarray((np.full(len(table), 1 / len(table), np.float32) @ table), np.float64)
    for divisor in SMALL_DIVISORS:
        if len(means) % divisor == 0 and len(means) >= 8 * divisor:
            grid = means.reshape(-1, divisor)
            means = (grid - np.median(grid, axis=0)).reshape(-1)
    return means


def measure_persistence(series: Floats, folded: FoldedSignal, parts: int = 8) -> float:
    """Share of the parts of the series in which the phase of a fold stands out by itself (by two
    standard errors).
    """
    rows = len(series) // folded.period
    table = series[: rows * folded.period].reshape(rows, folded.period)
    groups = np.array_split(np.arange(rows), min(parts, max(1, rows // 8)))
    persistent_parts = 0
    for group in groups:
        means = _average_phases(table[group])
        centre = float(np.median(means))
        scatter = max(1.4826 * float(np.median(np.abs(means - centre))), 1e-12)
        persistent_parts += float(means[folded.phase]) - centre > 2 * scatter
    return persistent_parts / len(groups)


def measure_corners(bend: Floats, width: int = 64) -> Floats:
    """How much each second difference stands out of its neighbourhood of `width` samples: log1p of
    the ratio, [time].

    Zeros where the neighbourhood is silent.
    """
    size = np.abs(bend)
    local = moving_mean(size, width)
    floor = max(float(local.max(initial=0.0)) * 3e-3, 1e-12)
    ratio = np.divide(size, local, out=np.zeros_like(size), where=local > floor)
    return np.asarray(np.log1p(ratio), np.float32)


def moving_mean(series: Floats, width: int) -> Floats:
    """Mean over `width` neighbours along the last axis; the ends repeat their nearest full window."""
    length = series.shape[-1]
    if not length:
        return series
    if length < width:
        return np.broadcast_to(series.mean(axis=-1, keepdims=True), series.shape).astype(np.float32)
    total = np.cumsum(series, axis=-1, dtype=np.float64)
    inner = total[..., width - 1 :].copy()
    inner[..., 1:] -= total[..., :-width]
    result = np.empty_like(series, dtype=np.float32)
    offset = width // 2
    result[..., offset : offset + inner.shape[-1]] = inner / width
    result[..., :offset] = result[..., offset : offset + 1]
    result[..., offset + inner.shape[-1] :] = result[
        ..., offset + inner.shape[-1] - 1 : offset + inner.shape[-1]
    ]
    return result


def find_likely_period(series: Floats, shortest: int, longest: int) -> int:
    """The period in [shortest, longest] at which a series is most like itself, from its
    autocorrelation summed over multiples.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    centred = series[:MAX_SERIES_SAMPLES] - series.mean(dtype=np.float64).astype(np.float32)
    size = next_fast_len(len(centred) + 8 * longest, real=True)
    spectrum = rfft(centred, size)
    auto = irfft(spectrum.real**2 + spectrum.imag**2, size)[: 8 * longest + 1]
    periods = np.arange(shortest, longest + 1)
    return int(periods[auto[periods[:, None] * np.arange(1, 9)].mean(axis=1).argmax()])


def measure_border_chance(
    bend: Floats, sample_rate: int, chunk_seconds: float
) -> tuple[NDArray[np.int64], float]:
    """Borders of chunks, in samples, and how likely chance is to put corners as sharp on them.

    At each border the largest second difference within 2 ms is ranked among those of the 2 ms
    pieces of the 50 ms around it; Fisher's method joins the ranks.
    """
    from scipy.stats import chi2

    near_samples, around_samples = max(2, int(0.002 * sample_rate)), int(0.05 * sample_rate)
    exact_borders = (
        np.arange(1, int(len(bend) / (chunk_seconds * sample_rate)) + 1)
        * chunk_seconds
        * sample_rate
    )
    places = np.rint(exact_borders).astype(np.int64)
    places = places[
        (places > around_samples + near_samples)
        & (places < len(bend) - around_samples - near_samples)
    ]
    chances, used_places = [], []
    for place in places:
        piece = np.abs(bend[place - around_samples : place + around_samples])
        others = np.concatenate(
            [piece[: around_samples - near_samples], piece[around_samples + near_samples :]]
        )
        others = (
            others[: len(others) // (2 * near_samples) * 2 * near_samples]
            .reshape(-1, 2 * near_samples)
            .max(axis=1)
        )
        if others.max() <= 0:
            continue
        border_height = float(
            piece[around_samples - near_samples : around_samples + near_samples].max()
        )
        chances.append((int((others >= border_height).sum()) + 1) / (len(others) + 1))
        used_places.append(place)
    statistic = -2.0 * float(np.log(chances).sum()) if chances else 0.0
    return np.array(used_places, np.int64), float(chi2.sf(statistic, 2 * max(1, len(chances))))
