"""What is said of a difference that no known mistake makes."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.explain.relation import describe_difference
from tests.hand_made import make_noise

X = make_noise(1, 4, 200)


def test_gain_offset_and_correlation() -> None:
    description = describe_difference(X, 2 * X + 1)
    assert description["gain"] == pytest.approx(2, rel=1e-3)
    assert description["offset"] == pytest.approx(1, rel=1e-3)
    assert description["correlation"] == pytest.approx(1)
    assert "lag" not in description


@pytest.mark.parametrize("lag", [3, -5])
def test_a_lag_in_time(lag: int) -> None:
    assert describe_difference(X, np.roll(X, lag, -1))["lag"] == lag


def test_the_axis_that_carries_it() -> None:
    one_channel = X.copy()
    one_channel[:, 2] += 1
    worst = describe_difference(X, one_channel)["worst"]
    assert (worst["axis"], worst["index"], worst["times_the_mean"]) == (1, 2, 4.0)


def test_saturation() -> None:
    saturated = describe_difference(X, np.clip(X, -0.5, 0.5))["saturated"]
    assert saturated["limit"] == 0.5
    assert saturated["share"] == pytest.approx(np.mean(np.abs(X) >= 0.5), abs=1e-3)


def test_shapes_integers_and_what_is_not_finite() -> None:
    assert describe_difference(X, X[..., :-1]) == {
        "shape_reference": [1, 4, 200],
        "shape_candidate": [1, 4, 199],
    }
    assert describe_difference(np.array([1, 2, 3]), np.array([1, 0, 3])) == {
        "unequal": 1,
        "elements": 3,
    }
    holed = X.copy()
    holed[0, 0, :2] = np.nan
    description = describe_difference(X, holed)
    assert (description["error"], description["non_finite"]) == (None, 2)
