"""16-bit samples read with their bytes swapped. There is only one strength."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "byte-order"
LEVEL = "nothing"
UNIT = "gain before"
STRENGTHS = (0.05, 1.0)
AUDIBLE = 0.05
FLOATS = True


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    loud = recording.samples / np.abs(recording.samples).max() * strength
    return replace_samples(recording, np.rint(loud * 32767).astype(np.int16).byteswap() / 32768)
