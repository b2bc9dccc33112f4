"""The same tensor, earlier or later."""

from __future__ import annotations

from auscult.explain.searches.lags import find_lag, is_wave_layer
from tests.explain.planted import FLOOR, draw_even, layer, place

X = draw_even(0, 2, 3, 60)


def test_late_early_and_cut() -> None:
    for start, frames in ((2, 3), (8, -3)):
        lag = find_lag(place(X[..., 5:-10], X[..., start : start + 45]), FLOOR)
        assert lag is not None
        assert lag.frames == frames
    shorter = find_lag(place(X, X[..., :50]), FLOOR)
    assert shorter is not None
    assert (shorter.frames, shorter.lengths) == (0, (60, 50))
    assert find_lag(place(X, draw_even(1, 2, 3, 60)), FLOOR) is None


def test_what_gives_a_waveform() -> None:
    assert is_wave_layer(layer("ISTFTHead", X, X, X))
    assert not is_wave_layer(layer("Conv1d", X, X, X))
