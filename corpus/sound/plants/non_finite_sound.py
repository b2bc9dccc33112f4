"""Values that are no numbers: a stretch of NaN, or infinities. The strength is the number of samples."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "non-finite-sound"
LEVEL = "nothing"
UNIT = "samples"
STRENGTHS = (1.0, 100.0, 10000.0)
AUDIBLE = 1.0
FLOATS = True


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    samples = recording.samples.copy()
    start = int(rng.integers(0, max(1, samples.shape[1] - int(strength))))
    samples[:, start : start + int(strength)] = rng.choice((np.nan, np.inf, -np.inf))
    return replace_samples(recording, samples)
