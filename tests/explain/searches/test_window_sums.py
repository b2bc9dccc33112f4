"""Two divisors of overlapped frames, seen in the signals alone."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.explain.algebra.layers import overlap_add
from auscult.explain.case import LayerCase
from auscult.explain.searches.window_sums import find_window_sum_changes
from auscult.weights import Array
from tests.explain.planted import FLOOR, assert_explained, draw, draw_even, layer

LENGTH, HOP, FRAMES = 32, 8, 20
WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(LENGTH) / LENGTH)).astype(np.float32)


def invert(divisor: str) -> Array:
    """Frames of noise [1, time], overlapped, divided, and cut at both ends by half a window."""
    ones = np.ones((FRAMES, 1))
    signal = overlap_add(draw(0, 1, FRAMES, LENGTH) * WINDOW, HOP)
    windows = {"squares": WINDOW**2, "window": WINDOW}
    if divisor in windows:
        signal = signal / np.maximum(overlap_add(ones * windows[divisor], HOP), 1e-8)
    return signal[:, LENGTH // 2 : -LENGTH // 2]


def make_case(candidate: Array) -> LayerCase:
    features = draw_even(1, 1, 8, FRAMES)
    return layer("Head", features, invert("squares"), candidate, {"window": WINDOW}, hop_length=HOP)


@pytest.mark.parametrize("divisor", ["window", "none"])
def test_another_divisor_in_a_head_that_makes_its_spectrum_inside(divisor: str) -> None:
    first = assert_explained("istft-normalisation", make_case(invert(divisor)))
    assert first.parameters["reference"] == "the summed squared window"


def test_another_signal_is_no_other_divisor() -> None:
    assert find_window_sum_changes(make_case(invert("squares") * np.float32(0.7)), FLOOR) == ()
