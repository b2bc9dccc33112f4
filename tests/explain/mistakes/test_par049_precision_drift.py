"""A phase that is summed up in float16."""

from __future__ import annotations

import numpy as np

from tests.explain.planted import assert_explained, place


def test_a_sum_in_half_precision() -> None:
    steps = np.random.default_rng(0).random((1, 1, 400)).astype(np.float32)
    total = np.float16(0)
    totals = []
    for step in steps[0, 0].astype(np.float16):
        total = np.float16(total + step)
        totals.append(total)
    case = place(np.cumsum(steps, -1, dtype=np.float64), np.array([[totals]]), steps=steps)
    first = assert_explained("precision-drift", case)
    assert first.parameters == {"candidate": "float16"}
