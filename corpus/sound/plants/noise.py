"""Noise of some colour over the sound, or instead of it. The strength is its level above the sound in dB; inf is noise alone."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import make_coloured_noise, replace_samples, rms

NAME = "noise"
LEVEL = "nothing"
UNIT = "dB of noise over sound"
STRENGTHS = (-10.0, 0.0, 10.0, 20.0, np.inf)
AUDIBLE = 20.0


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    samples = recording.samples
    noise = make_coloured_noise(
        samples.shape, recording.sample_rate, rng.choice((-3.0, 0.0, 0.0, 3.0, 6.0)), rng
    )
    noise *= rms(samples) / rms(noise)
    if np.isinf(strength):
        return replace_samples(recording, noise)
    mixed = samples + noise * 10.0 ** (strength / 20)
    return replace_samples(recording, mixed * rms(samples) / rms(mixed))
