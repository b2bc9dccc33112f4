"""Left for right. The strength is how different the channels are: 0 the same, 1 unrelated."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "channel-swap"
LEVEL = "reference"
UNIT = "difference of the channels"
STRENGTHS = (0.05, 0.1, 0.3, 1.0)
AUDIBLE = 0.1


def prepare(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    """The reference that the swap is planted in: two channels as different as that."""
    left = recording.samples[0]
    far = np.roll(left, int(recording.sample_rate * 0.7))
    right = np.sqrt(1 - strength) * left + np.sqrt(strength) * far
    return replace_samples(
        recording, np.stack([left, right]) / max(1.0, float(np.abs(right).max()))
    )


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    return replace_samples(recording, recording.samples[::-1])
