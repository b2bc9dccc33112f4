"""A linear layer whose weights give the reference's output."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.explain.searches.linears import read_linear
from tests.explain.planted import FLOOR, draw, layer

X, WEIGHT, BIAS = draw(0, 2, 9, 8), draw(1, 5, 8), draw(2, 5)
CASE = layer("Linear", X, X @ WEIGHT.T + BIAS, X @ WEIGHT.T, {"weight": WEIGHT, "bias": BIAS})


def test_its_parts() -> None:
    linear = read_linear(CASE, FLOOR)
    assert linear is not None
    np.testing.assert_array_equal(linear.matrix, WEIGHT)


def test_weights_that_do_not_give_the_reference_are_not_trusted() -> None:
    assert read_linear(replace(CASE, weights={"weight": WEIGHT}), FLOOR) is None
    assert read_linear(replace(CASE, role="input"), FLOOR) is None
