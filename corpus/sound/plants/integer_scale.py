"""Integers taken for floats or scaled twice: the strength is the power of two by which the level is wrong."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "integer-scale"
LEVEL = "nothing"
UNIT = "bits"
STRENGTHS = (-15.0, -23.0, 7.0, 15.0)
AUDIBLE = -15.0
FLOATS = True


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    return replace_samples(recording, recording.samples * 2.0**strength)
