"""A gain and an offset by least squares."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.explain.searches.gains import fit_gain_and_offset
from tests.explain.planted import FLOOR, draw_even, place

X = draw_even(0, 2, 6, 40)


def test_both_are_found() -> None:
    fit = fit_gain_and_offset(place(X, 3 * X - 2), FLOOR)
    assert fit is not None
    assert (fit.gain, fit.offset) == pytest.approx((3, -2), rel=1e-5)
    assert fit.residual < 1e-6 < fit.gain_residual


def test_nothing_to_fit() -> None:
    assert fit_gain_and_offset(place(np.ones_like(X), X), FLOOR) is None
    assert fit_gain_and_offset(place(X, X[..., 1:]), FLOOR) is None
