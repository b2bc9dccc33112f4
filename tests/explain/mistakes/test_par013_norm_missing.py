"""A norm that does nothing, and one that is not applied."""

from __future__ import annotations

from auscult.explain.algebra.layers import normalise_axes
from tests.explain.planted import assert_explained, draw, layer, place

X = 2 * draw(0, 2, 6, 40) + 1


def test_an_identity_in_place_of_a_norm() -> None:
    case = layer("LayerNorm", X, normalise_axes(X, (2,), 1e-5), X)
    assert "gives back what came in" in assert_explained("norm-missing", case).says


def test_a_norm_without_parameters_left_out() -> None:
    case = place(normalise_axes(X, (2,), 1e-5), X, x=X)
    first = assert_explained("norm-missing", case)
    assert first.says == "it uses x, the reference instance_norm(x)"
