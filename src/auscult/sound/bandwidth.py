"""Where the spectrum ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOWEST_HZ = 1500.0
"""The lowest cut-off that is tried. Chosen, not measured."""
BAND_START_SHARE = 0.85
"""The band that has to be there reaches from this share of the cut-off up to it.

Chosen, not measured.
"""
EMPTY_FROM_SHARE = 1.06
"""Beyond this multiple of the cut-off there must be nothing. Chosen, not measured."""
CUTOFF_COUNT = 80
"""Cut-offs that are tried, evenly spaced on a logarithmic axis. Chosen, not measured."""


@dataclass(frozen=True)
class SpectralEdge:
    """A cliff in the mean spectrum.

    Attributes:
        hertz: Where it is.
        drop_db: From the median just below it to the highest of all that is above it.
    """

    hertz: float
    drop_db: float


def find_spectral_edge(mean_power: NDArray[np.float64], sample_rate: int) -> SpectralEdge:
    """The steepest cliff above which nothing comes any more, in a mean power spectrum [bins] from 0
    to half the rate.
    """
    bins = len(mean_power)
    hertz_per_bin = sample_rate / 2 / (bins - 1)
    db = 10 * np.log10(mean_power + max(float(mean_power.max()) * 1e-12, 1e-30))
    smooth = np.convolve(db, np.ones(3) / 3, mode="same")
    highest_from = np.maximum.accumulate(smooth[: bins - 2][::-1])[::-1]
    best_edge = SpectralEdge(sample_rate / 2, 0.0)
    first, last = (
        LOWEST_HZ / hertz_per_bin,
        min(bins * 0.97, len(highest_from) - 1) / EMPTY_FROM_SHARE,
    )
    for index in np.unique(np.geomspace(first, max(first, last), CUTOFF_COUNT).astype(int)):
        above = int(np.ceil(index * EMPTY_FROM_SHARE))
        drop = float(np.median(db[int(index * BAND_START_SHARE) : index])) - float(
            highest_from[above]
        )
        if drop > best_edge.drop_db:
            edge_bin = _find_half_drop(db, int(index * BAND_START_SHARE), int(index), drop)
            best_edge = SpectralEdge(edge_bin * hertz_per_bin, drop)
    return best_edge


def _find_half_drop(db: NDArray[np.float64], start: int, tried: int, drop: float) -> int:
    """The last bin from `start` up to the cut-off that was tried in the upper half of the drop.

    That cut-off may lie past the cliff, as most of the band below it still is there.
    """
    middle = float(np.median(db[start:tried])) - drop / 2
    is_upper = db[start : tried + 1] > middle
    return start + int(np.flatnonzero(is_upper)[-1])
