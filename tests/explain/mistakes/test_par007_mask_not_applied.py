"""A mask that is not multiplied in."""

from __future__ import annotations

import numpy as np

from tests.explain.planted import assert_explained, draw, place


def test_a_mask_left_out() -> None:
    x, mask = draw(0, 2, 9, 6), np.ones((2, 9, 1), np.float32)
    mask[1, 5:] = 0
    first = assert_explained("mask-not-applied", place(x * mask, x, x=x, mask=mask))
    assert first.says == "it does not multiply by mask"
