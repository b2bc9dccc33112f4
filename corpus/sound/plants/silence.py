"""Nothing, or next to nothing. The strength is how far the sound is turned down, in dB; inf is zeros."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "silence"
LEVEL = "nothing"
UNIT = "dB turned down, then 16 bits"
STRENGTHS = (60.0, 90.0, 110.0, np.inf)
AUDIBLE = 110.0


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    loud = recording.samples / np.abs(recording.samples).max()
    return replace_samples(recording, np.rint(loud * 10.0 ** (-strength / 20) * 32767) / 32768)
