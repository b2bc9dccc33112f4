"""Codecs small enough to train in a test, on tones instead of speech."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.families.codec.config import Config
from auscult.training.codec.config import TrainConfig
from auscult.training.recordings import Speech

RATE = 8000
CODEC = Config(
    sample_rate=RATE,
    widths=(1, 24),
    strides=(16,),
    core=1,
    latent=16,
    books=3,
    book_size=16,
    causal=True,
    delay=16,
    level=None,
    average=0.0,
)


def tones(seconds: float, seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Harmonic tones of changing pitch and level, [time]."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = 120 * 2 ** (0.5 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * time + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    level = 0.2 * (1.2 + np.sin(2 * np.pi * 3 * time + rng.uniform(0, 6)))
    sound = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 8))
    return (level * sound / 2).astype(np.float32)


def speech() -> Speech:
    training = tuple(tones(2.0, seed) for seed in range(3))
    return Speech(training, (("validation", tones(1.0, 8)),), (("held out", tones(1.0, 9)),), RATE)


def config(out: Path, **changes: Any) -> TrainConfig:
    base = TrainConfig(
        codec=CODEC,
        out=str(out),
        steps=8,
        batch=4,
        segment=0.25,
        warmup=2,
        learning_rate=2e-3,
        evaluate_every=4,
        save_every=2,
        watch_every=0,
        threads=1,
    )
    return replace(base, **changes)
