"""Speech under a wrong sample rate, and nothing else known: it can be suspected, never measured. The strength is the speed."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording

NAME = "sample-rate-label"
LEVEL = "nothing"
UNIT = "times too fast or too slow"
STRENGTHS = (1.09, 1.5, 1.84, 2.0)
AUDIBLE = np.inf  # without metadata, text or reference no strength has to be found
KINDS = ("speech",)


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    faster = rng.random() < 0.5
    return Recording(
        recording.samples,
        round(recording.sample_rate * (strength if faster else 1 / strength)),
        recording.name,
    )
