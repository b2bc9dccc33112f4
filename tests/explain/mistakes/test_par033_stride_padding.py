"""Padding on another side, another cut of a transposed convolution, and a lag."""

from __future__ import annotations

from dataclasses import replace

from auscult.explain.algebra.layers import conv1d, conv_transpose1d, pad_time
from auscult.weights import Array
from tests.explain.planted import assert_explained, draw_even, layer, place

X, WEIGHT = draw_even(0, 1, 4, 40), draw_even(1, 6, 4, 4)


def convolve(left: int, right: int) -> Array:
    padded = pad_time(X, left, right)
    assert padded is not None
    return conv1d(padded, WEIGHT)


def test_an_odd_frame_on_the_other_side() -> None:
    case = layer("Conv1d", X, convolve(1, 2), convolve(2, 1), {"weight": WEIGHT}, padding="same")
    assert "a shift of 1 frames" in assert_explained("stride-padding", case).says


def test_another_cut_of_a_transposed_convolution() -> None:
    weight = draw_even(2, 4, 6, 4)
    full = conv_transpose1d(X, weight, stride=2)
    case = layer(
        "ConvTranspose1d", X, full[..., 1:-1], full, {"weight": weight}, stride=2, padding=1
    )
    assert "it cuts 0 left and 0 right" in assert_explained("stride-padding", case).says


def test_a_known_tensor_padded_otherwise() -> None:
    x = draw_even(0, 1, 4, 40)
    reference, candidate = pad_time(x, 3, 3), pad_time(x, 4, 2)
    assert reference is not None
    assert candidate is not None
    first = assert_explained("stride-padding", place(reference, candidate, x=x))
    assert first.parameters["candidate"] == [4, 2, "zeros"]


def test_a_lag() -> None:
    x = draw_even(0, 1, 4, 60)
    case = replace(place(x[..., 5:-5], x[..., 2:-8]), role="output")
    assert "3 frames late" in assert_explained("stride-padding", case).says
