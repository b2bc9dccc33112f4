"""Quieter, or louder without reaching full scale. The strength is the gain in dB."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "gain"
LEVEL = "reference"
UNIT = "dB"
STRENGTHS = (0.5, 1.0, 2.5, 6.0, 20.0)
AUDIBLE = 1.0


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    sign = (
        1.0
        if rng.random() < 0.5 and np.abs(recording.samples).max() * 10.0 ** (strength / 20) < 0.98
        else -1.0
    )
    return replace_samples(recording, recording.samples * 10.0 ** (sign * strength / 20))
