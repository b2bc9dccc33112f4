"""A first-order pre-emphasis that was not taken off again, or a de-emphasis of what had none. The strength is its coefficient."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples, rms

NAME = "pre-emphasis"
LEVEL = "reference"
UNIT = "coefficient"
STRENGTHS = (0.7, 0.85, 0.95, 0.97)
AUDIBLE = 0.85


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    from scipy.signal import lfilter

    forwards = rng.random() < 0.7
    bent = (
        lfilter([1, -strength], [1], recording.samples)
        if forwards
        else lfilter([1], [1, -strength], recording.samples)
    )
    if rng.random() < 0.5:
        bent = bent * rms(recording.samples) / rms(bent)
    return replace_samples(recording, bent / max(1.0, float(np.abs(bent).max()) / 0.99))
