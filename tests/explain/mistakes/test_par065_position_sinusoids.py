"""Sinusoids of positions by other formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.explain.algebra.layers import make_sinusoids
from auscult.explain.mistakes.par065_position_sinusoids import explain
from tests.explain.planted import FLOOR, assert_explained, draw, layer, place

X, POSITIONS = draw(0, 2, 12, 8), np.arange(12.0)


@pytest.mark.parametrize(
    "formula", [{"order": "sin-cos"}, {"order": "cos-sin"}, {"order": "interleaved", "shift": 1}]
)
def test_another_formula(formula: dict[str, Any]) -> None:
    reference = X + make_sinusoids(POSITIONS, 8, order="interleaved")
    candidate = X + make_sinusoids(POSITIONS, 8, **formula)
    assert_explained("position-sinusoids", place(reference, candidate, x=X))
    x, right, wrong = (array.swapaxes(1, 2) for array in (X, reference, candidate))
    assert_explained("position-sinusoids", layer("PositionalEncoding", x, right, wrong))


def test_another_first_position_is_not_another_formula() -> None:
    reference, candidate = (X + make_sinusoids(POSITIONS + first, 8) for first in (0, 1))
    assert not list(explain(place(reference, candidate, x=X), FLOOR))
