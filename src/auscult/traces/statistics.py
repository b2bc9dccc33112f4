"""What is kept of every tensor: moments, extremes, non-finite elements, quantiles; and its sketch
in the same pass.

A model waits while it is measured, so that many elements of a narrow floating type are summed in
float32, PIECE_SIZE at a time, and only these sums in float64. Where that would lose something (elements
that are not finite, squares beyond float32, a deviation far below the mean), the tensor is measured
again in float64. Either way mean, deviation and rms are right to 1e-5 of the rms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auscult.traces.records import TensorStatistics
from auscult.traces.sketch import (
    DEFAULT_SEED,
    ROW_WIDTH,
    ROWS_PER_STEP,
    SketchProjection,
    choose_working_type,
    flatten_canonically,
    iter_row_runs,
    sample_elements,
)
from auscult.weights import Array

QUANTILE_COUNT = 17
PIECE_SIZE = 1 << 13
"""Elements of one short sum; short enough that no BLAS wakes threads for it, which would fight with
those of the model.
"""
MIN_RMS = 1e-15
"""Rms below which float32 sums are not trusted: squares of smaller elements would be lost."""
MIN_VARIANCE = 1e-2
"""Variance, as a share of the mean square, below which float32 sums are not trusted: their rounding
shows in the difference.
"""


class TensorSummary(NamedTuple):
    """Statistics of a tensor, and its projection [SIZE] where it was asked for."""

    statistics: TensorStatistics
    projection: NDArray[np.float64] | None


class MomentSums(NamedTuple):
    """Over the finite elements of a tensor; the lowest and highest are infinite where there are
    none.
    """

    number: int
    total: float
    squares: float
    low: float
    high: float

    @property
    def mean(self) -> float:
        if self.number:
            return self.total / self.number
        return 0.0

    @property
    def power(self) -> float:
        if self.number:
            return self.squares / self.number
        return 0.0

    @property
    def deviation(self) -> float:
        if math.isfinite(self.power):
            return math.sqrt(max(self.power - self.mean * self.mean, 0.0))
        return math.inf

    @property
    def is_trusted(self) -> bool:
        """Whether sums in float32 were enough."""
        peak = 0.0
        if self.number:
            peak = max(abs(self.low), abs(self.high))
        if not math.isfinite(self.squares) or peak == 0.0:
            return peak == 0.0
        return (
            self.power > MIN_RMS**2
            and self.power - self.mean * self.mean > MIN_VARIANCE * self.power
        )


MeasureRun = Callable[[NDArray[np.float32]], tuple[float, float, float, float]]
"""Sum, sum of squares, lowest and highest of some hundred thousand elements."""


def summarise_tensor(
    array: Array,
    *,
    projection: bool = False,
    seed: int = DEFAULT_SEED,
    measure: MeasureRun | None = None,
) -> TensorSummary:
    """Measure a tensor of any shape and type in one pass; complex elements count as pairs of reals.

    Args:
        measure: In place of numpy, from a framework that is quicker.
    """
    flat = flatten_canonically(array)
    sums, sketch = _measure_sums(
        flat, projection=projection, seed=seed, measure=measure or measure_in_numpy
    )
    low, high = 0.0, 0.0
    if sums.number:
        low, high = sums.low, sums.high
    statistics = TensorStatistics(
        mean=sums.mean,
        std=sums.deviation,
        rms=math.sqrt(sums.power),
        low=low,
        high=high,
        non_finite=flat.size - sums.number,
        quantiles=compute_quantiles(flat),
    )
    if sketch is None:
        return TensorSummary(statistics, None)
    return TensorSummary(statistics, sketch.sums())


def measure_mean_and_rms(array: Array) -> tuple[float, float]:
    """Of the finite elements, in whatever order they lie."""
    if array.dtype.kind == "c":
        flat = flatten_canonically(array)
    else:
        flat = array.ravel(order="K")
    if choose_working_type(flat) is np.float32:
        with np.errstate(over="ignore", invalid="ignore"):
            total, squares = np.sum(
                [sum_moments(run) for _, run in iter_row_runs(flat, np.float32)], axis=0
            )
        if math.isfinite(squares) and squares > MIN_RMS**2 * flat.size:
            return float(total) / flat.size, math.sqrt(squares / flat.size)
    sums = _sum_in_float64(flat, None)
    return sums.mean, math.sqrt(sums.power)


def _measure_sums(
    flat: Array, *, projection: bool, seed: int, measure: MeasureRun
) -> tuple[MomentSums, SketchProjection | None]:
    if choose_working_type(flat) is np.float32:
        sketch = SketchProjection(seed, np.float32) if projection else None
        sums = _sum_in_float32(flat, sketch, measure)
        if sums.is_trusted:
            return sums, sketch
    sketch = SketchProjection(seed) if projection else None
    return _sum_in_float64(flat, sketch), sketch


def _sum_in_float32(
    flat: Array, sketch: SketchProjection | None, measure: MeasureRun
) -> MomentSums:
    total, squares, low, high = 0.0, 0.0, math.inf, -math.inf
    with np.errstate(over="ignore", invalid="ignore"):
        for first, run in iter_row_runs(flat, np.float32):
            sum_, square, lowest, highest = measure(run)
            total, squares = total + sum_, squares + square
            low, high = min(low, lowest), max(high, highest)
            if sketch is not None:
                sketch.add(first, run)
    return MomentSums(flat.size, total, squares, low, high)


def _sum_in_float64(flat: Array, sketch: SketchProjection | None) -> MomentSums:
    count, total, squares, low, high = 0, 0.0, 0.0, math.inf, -math.inf
    for first, run in iter_row_runs(flat, np.float64):
        is_finite = np.isfinite(run)
        finite_run, part = run, run
        if not is_finite.all():
            finite_run, part = np.where(is_finite, run, 0.0), run[is_finite]
        count += part.size
        total += float(np.add.reduce(part))
        with np.errstate(over="ignore"):
            squares += float(np.einsum("i,i->", part, part))
        if part.size:
            low = min(low, float(np.minimum.reduce(part)))
            high = max(high, float(np.maximum.reduce(part)))
        if sketch is not None:
            sketch.add(first, finite_run)
    return MomentSums(count, total, squares, low, high)


def sum_moments(run: NDArray[Any]) -> tuple[float, float]:
    """Sum and sum of squares of a few thousand elements, PIECE_SIZE by PIECE_SIZE in their own type and over
    these in float64.
    """
    whole_size = run.size // PIECE_SIZE * PIECE_SIZE
    pieces, remainder = run[:whole_size].reshape(-1, PIECE_SIZE), run[whole_size:]
    ones = _ONES.astype(run.dtype, copy=False)
    total = np.vecdot(pieces, ones).sum(dtype=np.float64) + np.vecdot(
        remainder, ones[: remainder.size]
    )
    squares = np.vecdot(pieces, pieces).sum(dtype=np.float64) + np.vecdot(remainder, remainder)
    return float(total), float(squares)


_ONES = np.ones(PIECE_SIZE, np.float32)


def measure_in_numpy(run: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """See `MeasureRun`. A part at a time stays in the second-level cache."""
    parts = [
        run[start : start + ROWS_PER_STEP * ROW_WIDTH]
        for start in range(0, run.size, ROWS_PER_STEP * ROW_WIDTH)
    ]
    rows = [
        (*sum_moments(part), float(np.minimum.reduce(part)), float(np.maximum.reduce(part)))
        for part in parts
    ]
    total, squares, low, high = zip(*rows, strict=True)
    return sum(total), sum(squares), min(low), max(high)


def compute_quantiles(array: Array) -> tuple[float, ...]:
    """QUANTILE_COUNT order statistics from the lowest to the highest of the finite elements in
    `sample_elements(array)`.
    """
    sampled = sample_elements(array)
    if sampled.dtype != np.float32:
        sampled = sampled.astype(np.float64, copy=False)
    sampled = np.sort(sampled)  # NaN and infinity go to the end
    first = int(np.searchsorted(sampled, -np.inf, side="right"))
    last = int(np.searchsorted(sampled, np.inf))
    if first == last:
        return ()
    return tuple(sampled[first + _choose_ranks(last - first)].tolist())


@lru_cache(maxsize=64)
def _choose_ranks(count: int) -> NDArray[np.int64]:
    return np.linspace(0, count - 1, QUANTILE_COUNT).round().astype(np.int64)
