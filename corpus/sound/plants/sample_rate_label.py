"""Samples labelled with another rate than theirs. The strength is the ratio of the label to the true rate."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording

NAME = "sample-rate-label"
LEVEL = "reference"
UNIT = "label over true rate"
STRENGTHS = (24000 / 22050, 16000 / 22050, 1.5, 1 / 1.8375, 2.0, 0.5)
AUDIBLE = 24000 / 22050


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    return Recording(recording.samples, round(recording.sample_rate * strength), recording.name)
