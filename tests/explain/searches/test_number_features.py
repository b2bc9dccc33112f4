"""Formulas of sines and cosines that differ."""

from __future__ import annotations

import numpy as np

from auscult.explain.algebra.layers import make_sinusoids
from auscult.explain.searches.number_features import find_feature_differences
from tests.explain.planted import FLOOR, layer

T = np.array([0.1, 0.37, 0.8], np.float32)


def test_the_factor_and_the_order() -> None:
    candidate = make_sinusoids(T, 16, order="cos-sin")
    case = layer("TimeEmbed", T, make_sinusoids(1000 * T, 16), candidate)
    nearest = min(find_feature_differences(case, FLOOR), key=lambda each: len(each.unequal))
    assert nearest.unequal == ("order", "scale")
    assert not nearest.has_number


def test_no_features() -> None:
    x = np.ones((3, 16), np.float32)
    assert find_feature_differences(layer("Linear", T, x, 2 * x), FLOOR) == ()
