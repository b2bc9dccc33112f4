"""Speech under a wrong sample rate, without a reference. The strength is the speed; below 1 it is its inverse."""

from __future__ import annotations

import numpy as np

from auscult.rules.sound.subject import SoundFacts
from auscult.sound.recording import Recording

NAME = "sample-rate-label"
LEVEL = "metadata"
UNIT = "times too fast, the model's rate known"
STRENGTHS = (1.09, 1.38, 1.5, 1.84, 2.0)
AUDIBLE = 1.38
KINDS = ("speech",)


def facts(recording: Recording, rng: np.random.Generator) -> SoundFacts:
    return SoundFacts(sample_rate=recording.sample_rate)


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    return Recording(recording.samples, round(recording.sample_rate * strength), recording.name)
