"""Moments, extremes and quantiles: those of numpy in float64, whatever the size and type."""

from __future__ import annotations

import math

import numpy as np
import pytest

from auscult.traces.sketch import SAMPLE_SIZE
from auscult.traces.statistics import (
    QUANTILE_COUNT,
    compute_quantiles,
    measure_mean_and_rms,
    sum_moments,
    summarise_tensor,
)
from auscult.weights import Array
from tests.hand_made import make_noise


@pytest.mark.parametrize("shape", [(3,), (5, 7), (2, 9, 4001)])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_moments(shape: tuple[int, ...], dtype: str) -> None:
    array = (3 + make_noise(*shape)).astype(dtype)
    values = array.astype(np.float64)
    statistics = summarise_tensor(array).statistics
    rms = math.sqrt((values**2).mean())
    assert statistics.mean == pytest.approx(values.mean(), abs=1e-5 * rms)
    assert statistics.std == pytest.approx(values.std(), abs=1e-5 * rms)
    assert statistics.rms == pytest.approx(rms, rel=1e-5)
    assert (statistics.low, statistics.high) == (values.min(), values.max())
    assert statistics.non_finite == 0
    assert measure_mean_and_rms(array) == pytest.approx((values.mean(), rms), rel=1e-5)


def test_what_is_not_finite_is_counted_and_left_out() -> None:
    array = np.array([1.0, np.nan, 3.0, np.inf, -np.inf], np.float32)
    statistics = summarise_tensor(array).statistics
    assert (statistics.mean, statistics.low, statistics.high) == (2.0, 1.0, 3.0)
    assert statistics.non_finite == 3
    nothing = summarise_tensor(np.full(2, np.nan, np.float32)).statistics
    assert (nothing.mean, nothing.rms, nothing.low, nothing.high) == (0.0, 0.0, 0.0, 0.0)
    assert nothing.quantiles == ()


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_squares_beyond_float32_are_summed_in_float64(scale: float) -> None:
    array = np.full(SAMPLE_SIZE + 1, scale, np.float32)
    assert summarise_tensor(array).statistics.rms == pytest.approx(scale, rel=1e-5)


def test_a_small_deviation_on_a_large_mean_is_kept() -> None:
    array = (1000 + 0.1 * make_noise(SAMPLE_SIZE + 1)).astype(np.float32)
    expected = array.astype(np.float64).std()
    assert summarise_tensor(array).statistics.std == pytest.approx(expected, rel=1e-3)


def test_complex_elements_are_pairs() -> None:
    statistics = summarise_tensor(np.array([3 + 1j, 1 - 1j], np.complex64)).statistics
    assert (statistics.mean, statistics.low, statistics.high) == (1.0, -1.0, 3.0)


def test_sums() -> None:
    assert sum_moments(np.array([1, 2, 3], np.float32)) == (6.0, 14.0)


def test_quantiles_are_elements_from_lowest_to_highest() -> None:
    quantiles = compute_quantiles(np.arange(33, dtype=np.float32)[::-1])
    assert len(quantiles) == QUANTILE_COUNT
    assert quantiles == tuple(range(0, 33, 2))
    empty: Array = np.zeros(0, np.float32)
    assert compute_quantiles(empty) == ()
    assert compute_quantiles(np.array([5.0, np.nan])) == (5.0,) * QUANTILE_COUNT


def test_a_projection_only_where_it_is_asked_for() -> None:
    assert summarise_tensor(make_noise(9)).projection is None
    projection = summarise_tensor(make_noise(9), projection=True).projection
    assert projection is not None
    assert (projection**2).sum() > 0
