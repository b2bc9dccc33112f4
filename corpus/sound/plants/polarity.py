"""One of two channels upside down. The strength is the correlation that they had."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "polarity"
LEVEL = "nothing"
UNIT = "correlation before"
STRENGTHS = (0.5, 0.8, 0.95, 1.0)
AUDIBLE = 0.95


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    left = recording.samples[0]
    far = np.roll(left, int(recording.sample_rate * 0.7))
    right = strength * left + np.sqrt(1 - strength**2) * far
    return replace_samples(recording, np.stack([left, -right]))
