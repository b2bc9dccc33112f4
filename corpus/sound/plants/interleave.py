"""Interleaved samples of two channels read as one channel, or the channels one after the other read as interleaved.

The strength is how far apart the channels are: 0 the same, 1 unrelated.
"""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "interleave"
LEVEL = "nothing"
UNIT = "difference of the channels"
STRENGTHS = (0.1, 0.3, 1.0)
AUDIBLE = 0.1


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    left = recording.samples[0]
    far = np.roll(left, int(recording.sample_rate * 0.7))
    right = np.sqrt(1 - strength) * left + np.sqrt(strength) * far
    if rng.random() < 0.5:
        return replace_samples(recording, np.stack([left, right]).T.reshape(1, -1))
    return replace_samples(
        recording, np.concatenate([left, right])[: 2 * (len(left) // 2) * 2].reshape(-1, 2).T
    )
