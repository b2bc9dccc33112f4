"""A kernel whose channels are exchanged."""

from __future__ import annotations

from auscult.explain.algebra.layers import conv1d
from tests.explain.planted import assert_explained, draw, layer


def test_exchanged_channels() -> None:
    x, weight = draw(0, 1, 5, 40), draw(1, 5, 5, 3)
    candidate = conv1d(x, weight.swapaxes(0, 1))
    case = layer("Conv1d", x, conv1d(x, weight), candidate, {"weight": weight})
    says = assert_explained("layout-conv1d", case).says
    assert says == "its kernel has input and output channels exchanged"


def test_a_reshape_in_place_of_a_transposition() -> None:
    x, weight = draw(0, 1, 4, 40), draw(1, 6, 4, 3)
    candidate = conv1d(x, weight.transpose(0, 2, 1).reshape(6, 4, 3))
    case = layer("Conv1d", x, conv1d(x, weight), candidate, {"weight": weight})
    assert "(in, kernel, out)" in assert_explained("layout-conv1d", case).says
