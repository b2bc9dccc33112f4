"""The usual ways to make a sequence longer."""

from __future__ import annotations

import numpy as np

from auscult.weights import Array


def upsample_by_each_method(x: Array, factor: int) -> dict[str, Array]:
    """x [..., time] made `factor` times longer, by each usual method."""
    count = x.shape[-1]
    zeros = np.zeros((*x.shape, factor))
    zeros[..., 0] = x
    whole = (np.arange(count * factor) + 0.5) / factor - 0.5
    corners = np.linspace(0, count - 1, count * factor)
    return {
        "nearest": np.repeat(x, factor, -1),
        "linear": _interpolate_at(x, np.clip(whole, 0, count - 1)),
        "linear with aligned corners": _interpolate_at(x, corners),
        "repeating the whole": np.tile(x, (1,) * (x.ndim - 1) + (factor,)),
        "zeros between": zeros.reshape(*x.shape[:-1], -1),
    }


def _interpolate_at(x: Array, positions: Array) -> Array:
    low = np.minimum(positions.astype(int), x.shape[-1] - 1)
    high = np.minimum(low + 1, x.shape[-1] - 1)
    fraction = positions - low
    return np.asarray(x[..., low] * (1 - fraction) + x[..., high] * fraction)
