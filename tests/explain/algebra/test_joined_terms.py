"""Joins of tensors: how one is laid over the shape of another."""

from __future__ import annotations

import numpy as np

from auscult.explain.algebra.joined_terms import broadcast_to_shape


def test_spreading_over_a_shape() -> None:
    mask = np.arange(6.0).reshape(2, 3)
    spread = broadcast_to_shape(mask, (2, 4, 3))
    assert spread is not None
    assert np.array_equal(spread[:, 1], mask)
    assert broadcast_to_shape(np.ones((1, 1)), (2, 3)) is None
    assert broadcast_to_shape(np.ones((2, 5)), (2, 4, 3)) is None
