"""Elementwise functions, fitted to what one tensor became."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from auscult.explain.algebra.activations import (
    CONSTANT_FREE_FUNCTIONS,
    Activation,
    iter_fitting_activations,
    make_clamp,
    make_leaky_relu,
    make_scale,
    round_to_usual_factor,
)
from auscult.weights import Array
from tests.hand_made import make_noise

X = make_noise(500).astype(np.float64)


def find_exact(y: Array) -> list[str]:
    return [
        activation.says
        for activation in iter_fitting_activations(X, y)
        if np.allclose(activation.function(X), y, atol=1e-9)
    ]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        *((function, name) for name, function in CONSTANT_FREE_FUNCTIONS.items()),
        (make_leaky_relu(0.1).function, "leaky_relu(0.1)"),
        (make_leaky_relu(0.137).function, "leaky_relu(0.137)"),
        (make_clamp(-0.5, 0.7).function, "clamp(-0.5, 0.7)"),
        (make_clamp(-np.inf, 0.7).function, "clamp(-inf, 0.7)"),
        (make_scale(1 / 3).function, "scale(0.3333)"),
    ],
)
def test_a_function_is_found(function: Callable[[Array], Array], name: str) -> None:
    assert name in find_exact(function(X))


def test_what_is_no_function_of_it_is_not_found() -> None:
    assert find_exact(make_noise(500, seed=1).astype(np.float64)) == []


def test_usual_constants_are_not_fitted_ones() -> None:
    assert (make_leaky_relu(0.1).fitted, make_leaky_relu(0.137).fitted) == (0, 1)
    assert make_leaky_relu(0).name == "relu"


def test_factors_near_a_ratio_are_the_ratio() -> None:
    assert round_to_usual_factor(0.33333) == 1 / 3
    assert round_to_usual_factor(-0.70711) == -np.sqrt(0.5)
    assert round_to_usual_factor(0.337) == 0.337


def test_words() -> None:
    assert Activation("tanh", np.tanh).says == "tanh"
    assert make_clamp(-1, 1).says == "clamp(-1, 1)"
