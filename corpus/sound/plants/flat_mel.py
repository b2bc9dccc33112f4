"""One steady sound: a hum of a few partials or a tone. The strength is its share of the energy."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples, rms

NAME = "flat-mel"
LEVEL = "nothing"
UNIT = "share of the energy"
STRENGTHS = (0.99, 0.999, 0.9999, 1.0)
AUDIBLE = 0.99


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    time = np.arange(recording.samples.shape[1]) / recording.sample_rate
    hertz = rng.uniform(60, 600)
    count = int(rng.integers(1, 12))
    steady = sum(
        rng.uniform(0.2, 1) * np.sin(2 * np.pi * hertz * n * rng.uniform(0.99, 1.01) * time)
        for n in range(1, count + 1)
    )
    steady = steady + 0.003 * rng.standard_normal(len(time))
    scale = rms(recording.samples)
    return replace_samples(
        recording,
        np.sqrt(1 - strength) * recording.samples
        + np.sqrt(strength) * scale / rms(steady) * steady,
    )
