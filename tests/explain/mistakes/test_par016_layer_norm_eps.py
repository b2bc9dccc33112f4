"""Another eps, on small activations."""

from __future__ import annotations

import pytest

from auscult.explain.algebra.layers import normalise_axes
from tests.explain.planted import assert_explained, draw, layer


@pytest.mark.parametrize("eps", [1e-3, 3.7e-4])
def test_an_eps_whatever_it_is(eps: float) -> None:
    x, gain = 0.05 * draw(0, 2, 9, 8), draw(1, 8)
    reference, candidate = (gain * normalise_axes(x, (2,), value) for value in (1e-5, eps))
    case = layer("LayerNorm", x, reference, candidate, {"weight": gain}, eps=1e-5)
    first = assert_explained("layer-norm-eps", case)
    assert first.parameters["candidate"]["eps"] == pytest.approx(eps, rel=1e-2)
