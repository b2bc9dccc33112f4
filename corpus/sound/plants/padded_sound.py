"""Silence after the sound or before it. The strength is its share of the whole."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "padded-sound"
LEVEL = "nothing"
UNIT = "of the whole"
STRENGTHS = (0.2, 0.4, 0.6, 0.8)
AUDIBLE = 0.4


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    silent = int(recording.samples.shape[1] * strength / (1 - strength))
    before = int(rng.integers(0, 2)) * silent
    return replace_samples(
        recording, np.pad(recording.samples, ((0, 0), (before, silent - before)))
    )
