"""Pitch: root mean square error in cents where both are voiced, and the share of frames in which only one of them is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.sound.figures import Figure, Pair
from auscult.sound.pitch import pitch_hertz

MIN_FRAMES = 10
"""Frames voiced on both sides, below which there is no error of pitch."""


def measure(pair: Pair) -> Iterator[Figure]:
    mine, theirs = (pitch_hertz(side, pair.sample_rate) for side in (pair.candidate, pair.wanted))
    both = np.isfinite(mine) & np.isfinite(theirs)
    error = None
    if both.sum() >= MIN_FRAMES:
        error = float(np.sqrt(np.square(1200.0 * np.log2(mine[both] / theirs[both])).mean()))
    reason = None if error is not None else "hardly anything is voiced on both sides"
    yield Figure("f0_rmse", error, "cents", "lower", "spectrum", reason)
    voiced = np.isfinite(theirs).any()
    wrong = 100.0 * float((np.isfinite(mine) != np.isfinite(theirs)).mean()) if voiced else None
    yield Figure(
        "voicing_error",
        wrong,
        "%",
        "lower",
        "spectrum",
        None if voiced else "nothing is voiced in the reference",
    )
