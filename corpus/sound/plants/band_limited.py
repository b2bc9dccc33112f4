"""Nothing above a cut-off. The strength is the cut-off as a share of half the sample rate: small is strong."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "band-limited"
LEVEL = "nothing"
UNIT = "of half the sample rate"
STRENGTHS = (0.8, 0.66, 0.5, 0.33, 0.25)
AUDIBLE = 0.66
HIGHEST_HEARD_HZ = 15000.0
"""Above it few hear that anything is missing: the threshold of hearing rises by 28 dB from 12.5 to 16 kHz (ISO 389-7)."""


def is_heard(recording: Recording, strength: float) -> bool:
    return strength * recording.sample_rate / 2 <= HIGHEST_HEARD_HZ


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    import soxr

    rate = recording.sample_rate
    if rng.random() < 0.5:
        low = soxr.resample(recording.samples.T, rate, rate * strength, quality="VHQ")
        return replace_samples(
            recording, soxr.resample(low, rate * strength, rate, quality="VHQ").T
        )
    from scipy.signal import ellip, sosfiltfilt

    return replace_samples(
        recording, sosfiltfilt(ellip(8, 0.1, 50, strength, output="sos"), recording.samples)
    )
