"""An upsampling layer without a filter, or with too weak a one: images of the spectrum. The strength is their level in dB."""

from __future__ import annotations

import numpy as np

from auscult.rules.sound.subject import SoundFacts
from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples, rms

NAME = "imaging"
LEVEL = "metadata"
UNIT = "dB, images to sound"
STRENGTHS = (-50.0, -40.0, -30.0, -20.0, -10.0, 0.0)
AUDIBLE = -20.0
STRIDES = (2, 2, 4, 8)


def facts(recording: Recording, rng: np.random.Generator) -> SoundFacts:
    return SoundFacts(sample_rate=recording.sample_rate, hop=256, strides=(8, 8, 2, 2))


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    """Zeros between the samples (images), the same gain in every second phase (checkerboard), or tones at rate / stride."""
    import soxr

    rate, stride = recording.sample_rate, int(rng.choice(STRIDES))
    gain = 10.0 ** (strength / 20)
    if stride == 8:
        time = np.arange(recording.samples.shape[1])
        tones = np.sum(
            [np.cos(2 * np.pi * k * time / stride) / k for k in range(1, stride // 2)], axis=0
        )
        return replace_samples(
            recording, recording.samples + gain * 0.3 * rms(recording.samples) / rms(tones) * tones
        )
    low = soxr.resample(recording.samples.T, rate, rate / stride, quality="VHQ").T
    stuffed = np.zeros((low.shape[0], low.shape[1] * stride), np.float64)
    stuffed[:, ::stride] = stride * low
    length = min(stuffed.shape[1], recording.samples.shape[1])
    base = soxr.resample(low.T, rate / stride, rate, quality="VHQ").T
    length = min(length, base.shape[1])
    return replace_samples(
        recording, base[:, :length] + gain * (stuffed[:, :length] - base[:, :length])
    )
