"""The two Hann windows: the periodic one for spectra that are turned back, the symmetric one for measuring."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def make_periodic_hann(size: int) -> NDArray[np.float64]:
    """One period of a raised cosine, [size]: it starts at zero and would be zero again one sample after its end.

    Shifted by an even share of its length and added, it gives a constant, as an inverse transform needs it. It is
    `torch.hann_window(size)` and `scipy.signal.get_window("hann", size)`.
    """
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size))


def make_symmetric_hann(size: int) -> NDArray[np.float64]:
    """A raised cosine whose first and last sample are zero, [size]: `numpy.hanning(size)`."""
    return np.hanning(size)
