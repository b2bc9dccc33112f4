"""Elements beyond the end of float16."""

from __future__ import annotations

import numpy as np

from tests.explain.planted import assert_explained, draw, place


def test_infinite_elements() -> None:
    x = draw(0, 2, 6, 40)
    x[0, 0, :3] = 1e5
    over = x.copy()
    over[0, 0, :3] = np.inf
    assert assert_explained("precision-overflow", place(x, over)).parameters == {"elements": 3}


def test_an_overflow_inside_is_described() -> None:
    x = draw(0, 2, 6, 40)
    lost = x.copy()
    lost[0, 0, 0] = np.nan
    assert not assert_explained("precision-overflow", place(x, lost)).reproduced
