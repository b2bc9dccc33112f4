"""Pitch: root mean square error in cents where both are voiced, and the share of frames in which
only one of them is.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.sound.figures import Figure, SoundPair
from auscult.sound.pitch import estimate_pitch_hertz

MIN_FRAMES = 10
"""Frames voiced on both sides, below which there is no error of pitch. Chosen, not measured."""


def measure(pair: SoundPair) -> Iterator[Figure]:
    candidate_pitch, reference_pitch = (
        estimate_pitch_hertz(side, pair.sample_rate) for side in (pair.candidate, pair.wanted)
    )
    is_voiced_in_pair = np.isfinite(candidate_pitch) & np.isfinite(reference_pitch)
    error = None
    if is_voiced_in_pair.sum() >= MIN_FRAMES:
        error = float(
            np.sqrt(
                np.square(
                    1200.0
                    * np.log2(
                        candidate_pitch[is_voiced_in_pair] / reference_pitch[is_voiced_in_pair]
                    )
                ).mean()
            )
        )
    reason = None if error is not None else "hardly anything is voiced on both sides"
    yield Figure("f0_rmse", error, "cents", "lower", "spectrum", reason)
    has_voiced_frames = np.isfinite(reference_pitch).any()
    if has_voiced_frames:
        wrong_percent = 100.0 * float(
            (np.isfinite(candidate_pitch) != np.isfinite(reference_pitch)).mean()
        )
    else:
        wrong_percent = None
    yield Figure(
        "voicing_error",
        wrong_percent,
        "%",
        "lower",
        "spectrum",
        None if has_voiced_frames else "nothing is voiced in the reference",
    )
