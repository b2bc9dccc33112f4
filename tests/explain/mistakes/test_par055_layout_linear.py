"""A square matrix that is transposed."""

from __future__ import annotations

from tests.explain.planted import assert_explained, draw, layer


def test_a_transposed_matrix() -> None:
    x, weight, bias = draw(0, 2, 9, 8), draw(1, 8, 8), draw(2, 8)
    weights = {"weight": weight, "bias": bias}
    case = layer("Linear", x, x @ weight.T + bias, x @ weight + bias, weights)
    assert_explained("layout-linear", case)
