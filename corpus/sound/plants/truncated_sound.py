"""The beginning or the end is cut off. The strength is how many seconds of sound are lost."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "truncated-sound"
LEVEL = "reference"
UNIT = "s of sound"
STRENGTHS = (0.05, 0.1, 0.25, 0.6, 1.2)
AUDIBLE = 0.1


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    mono = np.abs(recording.samples).max(axis=0)
    loud = np.flatnonzero(mono > 0.05 * mono.max())
    count = int(strength * recording.sample_rate)
    if rng.random() < 0.5:
        return replace_samples(recording, recording.samples[:, : max(int(loud[-1]) - count, 1000)])
    return replace_samples(
        recording, recording.samples[:, min(int(loud[0]) + count, len(mono) - 1000) :]
    )
