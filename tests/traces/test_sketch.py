"""The sketch: linear, blind to how it is fed, blind to the order of axes, and as exact as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.checkpoint.source import dtype_of
from auscult.traces.sketch import (
    ROW_WIDTH,
    SAMPLE_SIZE,
    SKETCH_SIZE,
    VARIANCE_BOUND,
    SketchProjection,
    estimate_cosine,
    estimate_relative_error,
    is_ambiguous,
    sample_elements,
    sketch_tensor,
    to_canonical_axes,
)
from auscult.traces.statistics import compute_quantiles, summarise_tensor

SEEDS = st.integers(0, 2**32 - 1)


def tensor(seed: int, shape: tuple[int, ...], kind: str = "normal") -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "normal":
        return rng.standard_normal(shape)
    if kind == "spikes":
        return rng.standard_normal(shape) * (rng.random(shape) < 0.002)
    if kind == "constant":
        return np.full(shape, 1.0) + 1e-3 * rng.standard_normal(shape)
    columns = rng.standard_normal(shape[-1]) * (rng.random(shape[-1]) < 0.1)
    columns[0] = 1.0
    return np.broadcast_to(columns, shape) * rng.standard_normal(
        (*shape[:-1], 1)
    )  # a few channels hold everything


KINDS = st.sampled_from(["normal", "spikes", "constant", "channels"])
SHAPES = st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple)


@given(SEEDS, SHAPES, KINDS)
@settings(max_examples=40, deadline=None)
def test_it_is_the_same_in_every_order_of_axes_of_unequal_length(
    seed: int, shape: tuple[int, ...], kind: str
) -> None:
    x = tensor(seed, shape, kind)
    if is_ambiguous(shape):
        return
    axes = np.random.default_rng(seed).permutation(x.ndim)
    np.testing.assert_array_equal(sketch_tensor(x), sketch_tensor(x.transpose(axes)))
    np.testing.assert_array_equal(
        sketch_tensor(x), sketch_tensor(np.ascontiguousarray(x.transpose(axes))[None])
    )
    assert compute_quantiles(x) == compute_quantiles(x.transpose(axes))


@given(SEEDS, st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=20, deadline=None)
def test_it_is_linear(seed: int, a: float, b: float) -> None:
    x, y = tensor(seed, (50_000,)), tensor(seed + 1, (50_000,), "spikes")
    np.testing.assert_allclose(
        sketch_tensor(a * x + b * y), a * sketch_tensor(x) + b * sketch_tensor(y), atol=1e-10
    )


def test_rows_may_come_in_any_order_and_number() -> None:
    x = tensor(3, (11 * ROW_WIDTH + 17,))
    projection = SketchProjection()
    for row in reversed(range(12)):
        projection.add(row, x[row * ROW_WIDTH : (row + 1) * ROW_WIDTH])
    np.testing.assert_allclose(projection.sums(), sketch_tensor(x), atol=1e-10)
    np.testing.assert_allclose(
        sketch_tensor(x.astype(np.float32)), sketch_tensor(x), atol=2e-6 * float(np.linalg.norm(x))
    )


def slow_sketch(x: np.ndarray, seed: int) -> np.ndarray:
    """Element by element, from the matrix of each block."""
    flat, sums = to_canonical_axes(x).reshape(-1), np.zeros(SKETCH_SIZE)
    for place, value in enumerate(flat):
        index, inside = divmod(place, ROW_WIDTH)
        unit = np.zeros(inside + 1)
        unit[inside] = 1.0
        projection = SketchProjection(seed)
        projection.add(index, unit)
        sums += value * projection.sums()
    return sums


def test_every_element_falls_into_one_bucket_with_a_sign() -> None:
    x = tensor(4, (40,))
    np.testing.assert_allclose(sketch_tensor(x, 5), slow_sketch(x, 5), atol=1e-12)
    projection = SketchProjection(0)
    projection.add(7, np.eye(1, ROW_WIDTH, 1234).reshape(-1))
    assert np.count_nonzero(projection.sums()) == 1


@pytest.mark.parametrize("kind", ["normal", "spikes", "constant", "channels"])
def test_the_error_bound_holds_over_the_random_choices(kind: str) -> None:
    """Over seeds: unbiased, and no more variance than the bound, for tensors of one block and of many."""
    for shape in ((2, 900, 3), (5, 33_000)):
        x = tensor(1, shape, kind)
        y = x + 0.3 * tensor(2, shape, "normal") * np.sqrt(np.mean(x * x))
        exact = float(np.vdot(x, y))
        scale = float(np.linalg.norm(x) * np.linalg.norm(y))
        errors = np.array(
            [
                (sketch_tensor(x, seed) @ sketch_tensor(y, seed) - exact) / scale
                for seed in range(100)
            ]
        )
        bound = VARIANCE_BOUND / SKETCH_SIZE
        # The mean of 100 is within 4 standard errors of 0; the variance of 100 exceeds its expectation by half in 1 of 1000.
        assert abs(errors.mean()) < 4 * np.sqrt(bound / 100)
        assert errors.var() < 1.5 * bound


@given(SEEDS, KINDS, KINDS, st.floats(-7, 0))
@settings(max_examples=40, deadline=None)
def test_relative_error_and_cosine_are_estimated_within_the_bound(
    seed: int, kind: str, other: str, exponent: float
) -> None:
    x = tensor(seed, (6, 5000), kind)
    if not x.any():
        return
    gap = tensor(seed + 1, x.shape, other)
    y = x + gap * (10.0**exponent * np.linalg.norm(x) / max(np.linalg.norm(gap), 1e-30))
    exact = float(np.linalg.norm(x - y) / np.linalg.norm(x))
    # Six standard errors: |Sd|² is off by sqrt(2.5 / 1024) = 5 % at one, its root by half of that; the same for |Sx|.
    six = 6 * np.sqrt(VARIANCE_BOUND / SKETCH_SIZE)
    assert estimate_relative_error(sketch_tensor(x), sketch_tensor(y)) == pytest.approx(
        exact, rel=six, abs=1e-14
    )
    true = float(np.vdot(x, y) / np.linalg.norm(x) / np.linalg.norm(y))
    found = estimate_cosine(
        sketch_tensor(x), sketch_tensor(y), float(np.linalg.norm(x)), float(np.linalg.norm(y))
    )
    assert abs(found - true) <= six * (1 - true) + 1e-12


def test_elements_that_are_no_numbers_are_counted_and_left_out() -> None:
    x = tensor(0, (100,))
    holed = x.copy()
    holed[[3, 50]] = np.nan, np.inf
    zeroed = x.copy()
    zeroed[[3, 50]] = 0
    np.testing.assert_allclose(sketch_tensor(holed), sketch_tensor(zeroed), atol=1e-12)
    found = summarise_tensor(holed).statistics
    assert found.non_finite == 2
    kept = np.delete(x, [3, 50])
    assert found.mean == pytest.approx(kept.mean())
    assert found.rms == pytest.approx(np.sqrt(np.mean(kept**2)))
    assert (found.low, found.high) == (kept.min(), kept.max())
    nothing = summarise_tensor(np.full(3, np.nan)).statistics
    assert (nothing.non_finite, nothing.mean, nothing.quantiles) == (3, 0.0, ())


@given(
    SEEDS, SHAPES, st.sampled_from(["float32", "float64", "float16", "int32", "bool", "complex64"])
)
@settings(max_examples=40, deadline=None)
def test_statistics_are_those_of_numpy(seed: int, shape: tuple[int, ...], dtype: str) -> None:
    x = (10 * tensor(seed, shape)).astype(dtype)
    wide = (
        x.astype(np.float64)
        if dtype != "complex64"
        else np.stack([x.real, x.imag]).astype(np.float64)
    )
    found = summarise_tensor(x).statistics
    assert found.mean == pytest.approx(
        wide.mean(), abs=1e-9 if x.size <= SAMPLE_SIZE else 1e-5 * found.rms
    )
    assert found.std == pytest.approx(wide.std(), abs=1e-6)
    assert found.rms == pytest.approx(np.sqrt(np.mean(wide**2)))
    assert (found.low, found.high) == (wide.min(), wide.max())
    assert list(found.quantiles) == sorted(found.quantiles)
    if dtype != "complex64" and x.size <= SAMPLE_SIZE:
        assert (found.quantiles[0], found.quantiles[-1]) == (found.low, found.high)


OFFSETS = st.sampled_from(
    [(0.0, 1.0), (1.0, 1e-4), (-300.0, 1.0), (0.0, 1e25), (0.0, 1e-25), (7.0, 0.0), (0.0, 0.0)]
)


@given(
    SEEDS,
    st.sampled_from([(5, 9000), (3, 7, 8192), (200_001,)]),
    st.sampled_from(["float32", "bfloat16"]),
    OFFSETS,
)
@settings(max_examples=20, deadline=None)
def test_statistics_of_many_elements_are_as_close_as_they_say(
    seed: int, shape: tuple[int, ...], dtype: str, offset: tuple[float, float]
) -> None:
    x = (offset[0] + offset[1] * tensor(seed, shape)).astype(dtype_of(dtype))
    wide = x.astype(np.float64)
    rms = float(np.sqrt(np.mean(wide**2)))
    found = summarise_tensor(x).statistics
    assert found.rms == pytest.approx(rms, rel=1e-5)
    assert found.mean == pytest.approx(wide.mean(), abs=1e-5 * rms)
    assert found.std == pytest.approx(wide.std(), abs=1e-5 * wide.std() + 1e-8 * rms)
    assert (found.low, found.high, found.non_finite) == (wide.min(), wide.max(), 0)
    x.reshape(-1)[[5, -7]] = np.nan, -np.inf
    holed = summarise_tensor(x, projection=True)
    assert holed.statistics.non_finite == 2
    assert holed.statistics.rms == pytest.approx(rms, rel=1e-3)
    assert holed.projection is not None
    np.testing.assert_allclose(
        holed.projection,
        sketch_tensor(np.where(np.isfinite(x), x, 0)),
        atol=1e-6 * rms * np.sqrt(x.size),
    )


def test_summaries_of_nothing_and_of_one() -> None:
    assert summarise_tensor(np.zeros((0, 3), np.float32), projection=True).statistics.rms == 0
    assert summarise_tensor(np.full((), 2.0)).statistics.mean == 2


def test_the_sample_of_large_tensors_is_like_the_whole() -> None:
    x = np.sort(tensor(9, (300_000,)))
    ranks = np.searchsorted(x, compute_quantiles(x)) / x.size
    assert np.abs(ranks - np.linspace(0, 1, len(ranks))).max() < 0.03
    wide = x.reshape(300, 1000)
    np.testing.assert_array_equal(
        sample_elements(wide), sample_elements(np.ascontiguousarray(wide.T))
    )
