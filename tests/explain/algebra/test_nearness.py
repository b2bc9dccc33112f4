"""How near two tensors are."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.explain.algebra.nearness import (
    bound_relative_error,
    compute_energy,
    get_rounding_tolerance,
    orient_axes,
    relative_error,
    to_float64,
)
from tests.hand_made import make_noise

X = make_noise(2, 3, 5)


def test_relative_error_is_the_rms_of_the_difference_over_that_of_the_reference() -> None:
    assert relative_error(np.array([3.0, 5.0]), np.array([3.0, 4.0])) == pytest.approx(1 / 5)
    assert relative_error(X, X) == 0.0
    assert relative_error(1.1 * X, X) == pytest.approx(0.1, rel=1e-5)
    assert relative_error(np.array([1 + 1j]), np.array([1.0 + 0j])) == 1.0


@pytest.mark.parametrize(
    ("candidate", "reference", "error"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0], np.inf),
        ([], [], 0.0),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([1.0, 0.0], [0.0, 0.0], np.inf),
        ([np.nan, 2.0], [np.nan, 2.0], 0.0),
        ([np.inf, 2.0], [np.inf, 2.0], 0.0),
        ([np.inf, 2.0], [-np.inf, 2.0], np.inf),
        ([1.0, 2.0], [np.nan, 2.0], np.inf),
    ],
)
def test_edges(candidate: list[float], reference: list[float], error: float) -> None:
    assert relative_error(np.array(candidate), np.array(reference)) == error


def test_a_bound_from_a_part_is_never_above_the_whole() -> None:
    candidate = X + np.float32(0.1) * make_noise(2, 3, 5, seed=1)
    whole = relative_error(candidate, X)
    for part in (slice(0, 1), slice(0, 2)):
        bound = bound_relative_error(candidate[part], X[part], compute_energy(X))
        assert 0 < bound <= whole + 1e-9
    assert bound_relative_error(X[:1], X, 1.0) == np.inf
    assert bound_relative_error(X, X, 0.0) == 0.0
    holed = np.where(X > 0, np.nan, X)
    assert bound_relative_error(holed, X, 1.0) == np.inf


def test_energy_leaves_out_what_is_not_finite() -> None:
    assert compute_energy(np.array([3.0, np.nan, 4.0, np.inf])) == 25.0


def test_types() -> None:
    assert to_float64(np.zeros(1, np.complex64)).dtype == np.complex128
    assert get_rounding_tolerance(np.zeros(1, np.int64)) == 0.0
    tolerances = [get_rounding_tolerance(np.zeros(1, t)) for t in ("float64", "float32", "float16")]
    assert tolerances == sorted(tolerances)


def test_axes_are_brought_into_the_order_of_the_reference() -> None:
    assert np.array_equal(orient_axes(X, X.transpose(2, 0, 1)), X)
    square = make_noise(1, 4, 4)
    assert np.array_equal(orient_axes(square, square.swapaxes(1, 2)), square)
    assert np.array_equal(orient_axes(X, X[:, :, :4].transpose(0, 2, 1)), X[:, :, :4])
    assert np.array_equal(orient_axes(X[:1], X[0]), X[:1])
    flat = make_noise(9)
    assert orient_axes(X, flat).shape == (1, 1, 9)
