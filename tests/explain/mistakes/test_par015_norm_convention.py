"""A root mean square in place of mean and deviation."""

from __future__ import annotations

from auscult.explain.algebra.layers import normalise_axes
from tests.explain.planted import assert_explained, draw, layer


def test_rms_for_layer_norm() -> None:
    x, gain = draw(0, 2, 9, 8) + 1, draw(1, 8)
    reference, candidate = (
        gain * normalise_axes(x, (2,), 1e-5, centre=centre) for centre in (True, False)
    )
    case = layer("LayerNorm", x, reference, candidate, {"weight": gain}, eps=1e-5)
    first = assert_explained("norm-convention", case)
    assert first.says == "it normalises as rms, axis 2, the reference as layer, axis 2"


def test_an_unbiased_variance_in_a_module_of_any_name() -> None:
    x, gain = draw(0, 2, 9, 8) + 1, draw(1, 8)
    reference, candidate = (gain * normalise_axes(x, (2,), 1e-5, ddof=ddof) for ddof in (0, 1))
    case = layer("ChannelScaler", x, reference, candidate, {"gamma": gain})
    assert "unbiased" in assert_explained("norm-convention", case).says
