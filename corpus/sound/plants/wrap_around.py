"""Integers that overflow: what is louder than full scale comes back at the other end. The strength is dB over the peak."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "wrap-around"
LEVEL = "nothing"
UNIT = "dB over full scale"
STRENGTHS = (0.5, 1.0, 3.0, 6.0, 12.0)
AUDIBLE = 6.0


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    loud = recording.samples / np.abs(recording.samples).max() * 10.0 ** (strength / 20)
    return replace_samples(recording, np.mod(loud + 1.0, 2.0) - 1.0)
