"""Blocks lost while there is sound, and zeros in their place. The strength is the length of a gap in ms; six gaps."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import find_loud_places, replace_samples

NAME = "dropouts"
LEVEL = "nothing"
UNIT = "ms a gap"
STRENGTHS = (2.0, 5.0, 10.0, 20.0, 60.0)
AUDIBLE = 10.0


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    samples = recording.samples.copy()
    span = int(strength * recording.sample_rate / 1000)
    for place in find_loud_places(recording, 6, rng):
        samples[:, place : place + span] = 0.0
    return replace_samples(recording, samples)
