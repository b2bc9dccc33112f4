"""Weight norm's two tensors as the weight that they stand for, in numpy."""

from __future__ import annotations

import numpy as np

from auscult.weights import Array

ROWS_AT_A_TIME = 64
"""Rows that are in float64 at a time: the largest convolutions would be so twice over."""


def fuse_weight_norm(gain: Array, direction: Array) -> Array:
    """g * v / ||v||, the norm over all axes but the first, in float64. Torch's layout."""
    weight = np.empty_like(direction)
    for start in range(0, len(direction), ROWS_AT_A_TIME):
        wide = np.asarray(direction[start : start + ROWS_AT_A_TIME], np.float64)
        norm = np.sqrt((wide**2).sum(axis=tuple(range(1, wide.ndim)), keepdims=True))
        weight[start : start + ROWS_AT_A_TIME] = (
            np.asarray(gain[start : start + ROWS_AT_A_TIME], np.float64) * wide / norm
        )
    return weight
