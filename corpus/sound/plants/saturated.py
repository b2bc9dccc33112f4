"""Through a tanh that is driven too hard. The strength is the gain before it, in dB over the peak."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "saturated"
LEVEL = "nothing"
UNIT = "dB into tanh"
STRENGTHS = (6.0, 12.0, 18.0, 24.0, 30.0)
AUDIBLE = 18.0


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    loud = recording.samples / np.abs(recording.samples).max() * 10.0 ** (strength / 20)
    return replace_samples(recording, np.tanh(loud) * rng.choice((0.999, 0.5)))
