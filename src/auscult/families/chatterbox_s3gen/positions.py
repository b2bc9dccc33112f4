"""Sinusoids and times that both frameworks share, computed in single precision as the reference does."""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def relative_positions(length: int, width: int) -> Floats:
    """Sines and cosines, alternating, of the distances length-1 ... -(length-1): [2·length - 1, width].

    Source: ESPnet's relative positional encoding (Dai et al. 2019, appendix B).
    """
    distance = np.arange(length - 1, -length, -1, dtype=np.float32)[:, None]
    rates = np.exp(np.arange(0, width, 2, dtype=np.float32) * np.float32(-log(10000.0) / width))
    table = np.empty((2 * length - 1, width), np.float32)
    table[:, 0::2] = np.sin(distance * rates)
    table[:, 1::2] = np.cos(distance * rates)
    return table


def time_rates(width: int) -> Floats:
    """Angular rates of the time embedding, 1 down to 1/10000: [width // 2]."""
    half = width // 2
    return np.exp(np.arange(half, dtype=np.float32) * np.float32(-log(10000.0) / (half - 1)))


def rotary_angles(length: int, width: int) -> Floats:
    """Angle of each position's rotation, for each half of a head: [length, width // 2]."""
    rates = 1.0 / np.float32(10000.0) ** (
        np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
    )
    return np.outer(np.arange(length, dtype=np.float32), rates).astype(np.float32)


def times(steps: int, *, meanflow: bool = False) -> Floats:
    """The solver's times from 0 to 1, denser at the start unless meanflow: [steps + 1]."""
    linear = np.linspace(0.0, 1.0, steps + 1, dtype=np.float32)
    return linear if meanflow else 1 - np.cos(linear * np.float32(0.5 * np.pi))
