"""Elements that are zero, and the rest too large."""

from __future__ import annotations

import numpy as np

from tests.explain.planted import assert_explained, draw, place


def test_a_tenth_dropped() -> None:
    x = draw(0, 2, 6, 40)
    kept = np.random.default_rng(1).random(x.shape) > 0.1
    first = assert_explained("dropout-active", place(x, np.where(kept, x / 0.9, 0)))
    assert abs(first.parameters["probability"] - 0.1) < 1e-3
