"""Cut off at full scale, and perhaps turned down afterwards. The strength is the gain before the cut, in dB over the peak."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "clipping"
LEVEL = "nothing"
UNIT = "dB over full scale"
STRENGTHS = (1.0, 3.0, 6.0, 12.0, 20.0)
AUDIBLE = 6.0


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    loud = recording.samples / np.abs(recording.samples).max() * 10.0 ** (strength / 20)
    return replace_samples(recording, np.clip(loud, -1, 1) * rng.choice((1.0, 0.999, 0.5)))
