"""A constant under the sound. The strength is the constant over the root mean square of the sound."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples, rms

NAME = "dc"
LEVEL = "nothing"
UNIT = "of the rms"
STRENGTHS = (0.03, 0.1, 0.2, 0.5, 3.0)
AUDIBLE = 0.2


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    moved = recording.samples + strength * rms(recording.samples) * rng.choice((-1.0, 1.0))
    return replace_samples(recording, moved / max(1.0, float(np.abs(moved).max())))
