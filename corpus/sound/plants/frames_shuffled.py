"""Frames in another order, among their neighbours or anywhere. The strength is the length of a frame in ms."""

from __future__ import annotations

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.plant import replace_samples

NAME = "frames-shuffled"
LEVEL = "reference"
UNIT = "ms a frame"
STRENGTHS = (10.0, 20.0, 80.0, 320.0)
AUDIBLE = 10.0


def plant(recording: Recording, strength: float, rng: np.random.Generator) -> Recording:
    size = int(strength * recording.sample_rate / 1000)
    count = recording.samples.shape[1] // size
    order = np.arange(count)
    if rng.random() < 0.5:
        rng.shuffle(order)
    else:
        order[: count // 4 * 4] = order[: count // 4 * 4].reshape(-1, 4)[:, [2, 0, 3, 1]].ravel()
    frames = recording.samples[:, : count * size].reshape(len(recording.samples), count, size)
    return replace_samples(recording, frames[:, order].reshape(len(recording.samples), -1))
