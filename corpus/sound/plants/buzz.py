"""A buzz at the frame rate instead of the sound, the strength being its share of the energy."""

from __future__ import annotations

import numpy as np

from auscult.rules.sound.subject import SoundFacts
from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples, rms

NAME = "buzz"
LEVEL = "metadata"
UNIT = "share of the energy"
STRENGTHS = (0.3, 0.5, 0.7, 0.9, 1.0)
AUDIBLE = 0.3
HOPS = (128, 160, 200, 256, 300, 320, 480, 512)


def facts(recording: Recording, rng: np.random.Generator) -> SoundFacts:
    return SoundFacts(sample_rate=recording.sample_rate, hop=int(rng.choice(HOPS)))


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    hop = int(rng.choice(HOPS))  # the first draw, the same as that of `facts`
    length = recording.samples.shape[1]
    period = rng.standard_normal(hop) * np.exp(-np.arange(hop) / (0.2 * hop))
    period -= period.mean()
    buzz = np.tile(period, length // hop + 1)[:length] + 0.01 * rng.standard_normal(length)
    scale = rms(recording.samples)
    return replace_samples(
        recording,
        np.sqrt(1 - strength) * recording.samples + np.sqrt(strength) * scale / rms(buzz) * buzz,
    )
