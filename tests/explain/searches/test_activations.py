"""Functions over the same tensors, and over an output alone."""

from __future__ import annotations

import numpy as np

from auscult.explain.searches.activations import (
    find_added_functions,
    find_function_changes,
    find_left_out_functions,
    is_lopsided,
)
from tests.explain.planted import FLOOR, draw_even, place

X = draw_even(0, 2, 6, 40)


def test_over_the_same_tensor() -> None:
    (change,) = find_function_changes(place(np.tanh(X), np.sin(X), x=X), FLOOR)
    assert change.names == {"tanh", "sin"}
    assert change.written == {"reference": "tanh(x)", "candidate": "sin(x)"}


def test_over_the_outputs_alone() -> None:
    added = find_added_functions(place(X, np.tanh(X)), FLOOR)
    assert [change.candidate.name for change in added if change.residual < 1e-6] == ["tanh"]
    left_out = find_left_out_functions(place(np.tanh(X), X))
    assert [change.reference.name for change in left_out] == ["tanh"]


def test_a_leaky_relu_leaves_a_lopsided_tensor() -> None:
    assert is_lopsided(place(np.where(X > 0, X, 0.1 * X), X))
    assert not is_lopsided(place(X, X))
