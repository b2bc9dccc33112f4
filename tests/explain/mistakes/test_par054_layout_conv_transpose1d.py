"""A transposed convolution whose channels are exchanged."""

from __future__ import annotations

from auscult.explain.algebra.layers import conv_transpose1d
from tests.explain.planted import assert_explained, draw, layer


def test_exchanged_channels() -> None:
    x, weight = draw(0, 1, 5, 40), draw(1, 5, 5, 4)
    reference, candidate = (
        conv_transpose1d(x, kernel, stride=2) for kernel in (weight, weight.swapaxes(0, 1))
    )
    case = layer("ConvTranspose1d", x, reference, candidate, {"weight": weight}, stride=2)
    says = assert_explained("layout-conv-transpose1d", case).says
    assert says == "its kernel has input and output channels exchanged"
