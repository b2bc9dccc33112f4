"""A vocoder fed a mel of another logarithm: Griffin and Lim's, its levels stretched. The strength is that factor."""

from __future__ import annotations

import numpy as np

from auscult.sound.griffin_lim import griffin_lim
from auscult.sound.measures import standard_mel
from auscult.sound.mel import mel_spectrogram
from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples, rms

NAME = "mel-definition"
LEVEL = "reference"
UNIT = "of the log-mel"
STRENGTHS = (0.5, 1 / 2.302585)
AUDIBLE = 1 / 2.302585


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    definition = standard_mel(recording.sample_rate)
    result = []
    for channel in recording.samples:
        mel = (mel_spectrogram(channel, definition) * np.float32(strength)).astype(np.float32)
        made = griffin_lim(mel, definition, iterations=10, seed=int(rng.integers(1000)))
        result.append(made[: len(channel)])
    made = np.stack(result)
    return replace_samples(
        recording, made * min(rms(recording.samples) / rms(made), 0.95 / float(np.abs(made).max()))
    )
