"""Another slope, with the input known and without."""

from __future__ import annotations

import numpy as np

from tests.explain.planted import assert_explained, draw, place

X = draw(0, 2, 6, 40)
REFERENCE, CANDIDATE = (np.where(X > 0, X, slope * X) for slope in (0.1, 0.01))


def test_over_a_known_input() -> None:
    first = assert_explained("leaky-slope", place(REFERENCE, CANDIDATE, x=X))
    assert first.says == "its leaky ReLU has slope 0.01, the reference's 0.1"


def test_from_the_outputs_alone() -> None:
    first = assert_explained("leaky-slope", place(REFERENCE, CANDIDATE))
    assert first.says == "its leaky ReLU has 0.1 times the reference's slope"
