"""Where one signal lies in another: normalised cross-correlation over every lag, by FFT."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_BLOCK_SAMPLES = 2**21
"""Samples that are transformed at once: no array holds the transforms of all bands of a long sound.

Chosen, not measured.
"""

Signal = NDArray[np.float32] | NDArray[np.float64]


def correlate_lags(x: Signal, y: Signal, *, min_overlap: int) -> tuple[int, NDArray[np.float64]]:
    """Normalised correlation of two signals, [time] or [bands, time], at every lag: -1 to 1.

    At lag L, `x[n + L]` is set against `y[n]` over the samples that both have, and the two parts
    are normalised by their own energies, so that a short overlap is not a low correlation.

    Args:
        min_overlap: Lags at which fewer samples overlap get 0.

    Returns:
        The lag of the first value (1 - length of y), and the values.
    """
    from scipy import fft

    x, y = np.atleast_2d(x).astype(np.float64), np.atleast_2d(y).astype(np.float64)
    n, m = x.shape[1], y.shape[1]
    size = fft.next_fast_len(n + m - 1, real=True)
    rows = max(MAX_BLOCK_SAMPLES // size, 1)
    spectrum = np.zeros(size // 2 + 1, np.complex128)
    for row in range(0, len(x), rows):
        block = slice(row, row + rows)
        spectrum += (fft.rfft(x[block], size) * np.conj(fft.rfft(y[block], size))).sum(axis=0)
    cross = fft.irfft(spectrum, size)
    cross = np.concatenate([cross[size - (m - 1) :], cross[:n]]) if m > 1 else cross[:n]
    lags = np.arange(1 - m, n)
    first, last = np.maximum(lags, 0), np.minimum(lags + m, n)
    energy_x = np.concatenate([[0.0], np.cumsum(np.square(x).sum(axis=0))])
    energy_y = np.concatenate([[0.0], np.cumsum(np.square(y).sum(axis=0))])
    product = (energy_x[last] - energy_x[first]) * (energy_y[last - lags] - energy_y[first - lags])
    floor = 1e-12 * energy_x[-1] * energy_y[-1]
    values = np.where(
        (last - first >= min_overlap) & (product > floor),
        cross / np.sqrt(np.maximum(product, floor + 1e-300)),
        0.0,
    )
    return 1 - m, np.clip(values, -1.0, 1.0)


def find_peak(values: NDArray[np.float64]) -> tuple[float, float]:
    """Place and height of the greatest value, between samples by a parabola through its neighbours."""
    top = int(np.argmax(values))
    if not 0 < top < len(values) - 1:
        return float(top), float(values[top])
    previous_value, top_value, next_value = values[top - 1 : top + 2]
    bend = previous_value - 2 * top_value + next_value
    shift = 0.5 * (previous_value - next_value) / bend if bend < 0 else 0.0
    return top + float(shift), float(top_value - 0.25 * (previous_value - next_value) * shift)


def centred_correlation(x: Signal, y: Signal) -> float:
    """Pearson correlation of two signals of one length; 0 where one is constant."""
    a, b = x.astype(np.float64).ravel(), y.astype(np.float64).ravel()
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    if scale > 0:
        return float(a @ b / scale)
    return 0.0
