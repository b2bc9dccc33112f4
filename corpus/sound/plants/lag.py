"""Later or earlier by some samples. The strength is the lag in samples; what comes in is silence, what goes out is lost."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "lag"
LEVEL = "reference"
UNIT = "samples"
STRENGTHS = (1.0, 16.0, 256.0, 480.0)
AUDIBLE = 1.0


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    by, length = int(strength), recording.samples.shape[1]
    if rng.random() < 0.5:
        return replace_samples(recording, np.pad(recording.samples, ((0, 0), (by, 0)))[:, :length])
    return replace_samples(recording, np.pad(recording.samples, ((0, 0), (0, by)))[:, by:])
