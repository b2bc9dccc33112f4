"""A convolution, a linear layer and a GRU without a bias."""

from __future__ import annotations

from auscult.explain.algebra.layers import conv1d
from auscult.explain.searches.recurrent import CellConvention, read_layers, run_layers
from tests.explain.planted import assert_explained, draw, layer


def test_a_convolution() -> None:
    x, weight, bias = draw(0, 1, 4, 40), draw(1, 6, 4, 3), draw(2, 6)
    weights = {"weight": weight, "bias": bias}
    case = layer("Conv1d", x, conv1d(x, weight, bias), conv1d(x, weight), weights)
    assert_explained("bias-missing", case)


def test_a_linear_layer() -> None:
    x, weight, bias = draw(0, 2, 9, 8), draw(1, 5, 8), draw(2, 5)
    weights = {"weight": weight, "bias": bias}
    case = layer("Linear", x, x @ weight.T + bias, x @ weight.T, weights)
    assert_explained("bias-missing", case)


def test_the_hidden_side_of_a_gru() -> None:
    x = draw(0, 1, 9, 5)
    weights = {
        "weight_ih_l0": draw(1, 12, 5),
        "weight_hh_l0": draw(2, 12, 4),
        "bias_ih_l0": draw(3, 12),
        "bias_hh_l0": draw(4, 12),
    }
    layers = read_layers(weights)
    assert layers is not None
    reference, candidate = (
        run_layers(CellConvention("rzn", hidden_bias=bias), layers, x) for bias in (True, False)
    )
    case = layer("GRU", x, reference, candidate, weights, batch_first=True)
    assert "hidden side" in assert_explained("bias-missing", case).says
