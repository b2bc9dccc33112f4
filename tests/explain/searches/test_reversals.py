"""Flips along each axis, and which axis holds the channels."""

from __future__ import annotations

from auscult.explain.searches.reversals import get_channel_axis, measure_flips
from tests.explain.planted import FLOOR, draw_even, layer

X = draw_even(0, 2, 7, 5)


def test_one_axis_fits() -> None:
    residuals = measure_flips(layer("Conv1d", X, X, X[:, ::-1]), FLOOR)
    assert list(residuals) == [1, 2]
    assert residuals[1] == 0 < residuals[2]


def test_channels_are_last_behind_a_linear_layer() -> None:
    assert get_channel_axis(layer("Linear", X, X, X)) == 2
    assert get_channel_axis(layer("Conv1d", X, X, X)) == 1
