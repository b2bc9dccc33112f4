"""Vocoders small enough to train in a test, on tones instead of speech."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from auscult.sound.mel_definition import MelDefinition
from auscult.training.recordings import Speech
from auscult.training.vocoder.config import VocoderTrainConfig
from tests.training.codec.small import RATE, tones

MEL = MelDefinition(sample_rate=RATE, n_fft=256, win=256, hop=64, n_mels=20, fmax=RATE / 2)
NETWORKS: dict[str, dict[str, Any]] = {
    "vocos": {"width": 16, "hidden": 16, "layers": 1},
    "hifigan": {
        "channels": (8, 4, 2),
        "upsample_rates": (8, 8),
        "upsample_kernel_sizes": (16, 16),
        "resblock_kernel_sizes": (3,),
        "dilations": ((1, 2),),
    },
}


def speech() -> Speech:
    training = tuple(tones(1.0, seed) for seed in range(2))
    return Speech(training, (("validation", tones(1.0, 8)),), (("held out", tones(1.0, 9)),), RATE)


def config(out: Path, **changes: Any) -> VocoderTrainConfig:
    base = VocoderTrainConfig(
        mel=MEL,
        model=NETWORKS[changes.get("family", "vocos")],
        out=str(out),
        steps=4,
        batch=2,
        segment=0.2,
        warmup=1,
        critic_share=0.3,
        critic_channels=2,
        evaluate_every=100,
        save_every=2,
        watch_every=0,
        threads=1,
    )
    return replace(base, **changes)
