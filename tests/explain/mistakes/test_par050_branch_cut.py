"""Angles at the cut of atan2."""

from __future__ import annotations

import numpy as np

from tests.explain.planted import assert_explained, place


def test_angles_that_differ_by_a_turn() -> None:
    angles = np.random.default_rng(0).uniform(-3, 3, (1, 6, 40))
    angles[0, 0] = np.pi
    other = angles.copy()
    other[0, 0, ::2] = -np.pi
    first = assert_explained("branch-cut", place(angles, other))
    assert "100% of them at the cut" in first.says
