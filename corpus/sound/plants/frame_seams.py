"""Frames that do not join: each starts at another place, or at another level. The strength is the share of seams that jump."""

from __future__ import annotations

import numpy as np

from auscult.rules.sound.subject import SoundFacts
from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "frame-seams"
LEVEL = "metadata"
UNIT = "of the seams jump"
STRENGTHS = (0.1, 0.3, 0.6, 1.0)
AUDIBLE = 0.6
HOPS = (160, 200, 256, 300, 320, 480, 512)


def facts(recording: Recording, rng: np.random.Generator) -> SoundFacts:
    return SoundFacts(sample_rate=recording.sample_rate, hop=int(rng.choice(HOPS)))


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    hop = int(rng.choice(HOPS))  # the first draw, the same as that of `facts`
    samples = recording.samples
    kind = rng.choice(("shift", "gain"))
    result = samples.copy()
    for start in range(hop, samples.shape[1] - 2 * hop, hop):
        if rng.random() >= strength:
            continue
        if kind == "shift":
            lag = int(rng.integers(8, hop // 2))
            result[:, start : start + hop] = samples[:, start - lag : start - lag + hop]
        else:
            result[:, start : start + hop] *= rng.uniform(0.5, 1.0)
    return replace_samples(recording, result)
