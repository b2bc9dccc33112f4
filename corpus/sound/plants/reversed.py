"""Played backwards. There is only one strength."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "reversed"
LEVEL = "reference"
UNIT = "times"
STRENGTHS = (1.0,)
AUDIBLE = 1.0


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    return replace_samples(recording, recording.samples[:, ::-1])
