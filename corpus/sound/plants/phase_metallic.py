"""Magnitudes kept, phases lost. The strength is how far the phases are turned at random, in radians."""

from __future__ import annotations

import numpy as np

from auscult.rules.sound.subject import SoundFacts
from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "phase-metallic"
LEVEL = "metadata"
UNIT = "radians"
STRENGTHS = (0.5, 1.0, 2.0, 3.14)
AUDIBLE = 2.0
KINDS = ("speech",)
CHARACTERS_PER_SECOND = 14


def facts(recording: Recording, rng: np.random.Generator) -> SoundFacts:
    """That it is speech, and about how much."""
    return SoundFacts(
        sample_rate=recording.sample_rate, text="a" * int(CHARACTERS_PER_SECOND * recording.seconds)
    )


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    from scipy.signal import istft, stft

    length = recording.samples.shape[1]
    result = []
    for channel in recording.samples:
        _, _, spectrum = stft(channel, nperseg=1024)
        turned = spectrum * np.exp(1j * rng.uniform(-strength, strength, spectrum.shape))
        back = istft(turned, nperseg=1024)[1]
        result.append(np.pad(back, (0, max(0, length - len(back))))[:length])
    return replace_samples(recording, np.stack(result))
