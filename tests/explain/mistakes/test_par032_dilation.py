"""A convolution run with another dilation."""

from __future__ import annotations

from auscult.explain.algebra.layers import conv1d, pad_time
from auscult.weights import Array
from tests.explain.planted import assert_explained, draw, layer

X, WEIGHT, BIAS = draw(0, 1, 4, 40), draw(1, 6, 4, 3), draw(2, 6)


def convolve(padding: int, dilation: int) -> Array:
    padded = pad_time(X, padding, padding)
    assert padded is not None
    return conv1d(padded, WEIGHT, BIAS, dilation=dilation)


def test_a_dilation_left_out() -> None:
    weights = {"weight": WEIGHT, "bias": BIAS}
    case = layer("Conv1d", X, convolve(3, 3), convolve(1, 1), weights, padding=(3,), dilation=(3,))
    first = assert_explained("dilation", case)
    assert first.says == "its dilation is 1, the reference's 3"
