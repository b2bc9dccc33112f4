"""Trainings for `auscult preflight` to look at: `auscult.training.codec.targets:telugu` and `:seed`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from auscult.training.codec.config import TrainConfig
from auscult.training.codec.designs import DESIGNS, STUDY_CODEC, StudyCodec
from auscult.training.codec.losses import commitment_loss
from auscult.training.codec.segments import Segments
from auscult.training.codec.speech import TELUGU, read_speech
from auscult.training.codec.trainer import Trainer

MINUTES = 2.0


def telugu() -> dict[str, Any]:
    """The training of the codec that comes with the package, at its first step."""
    config = TrainConfig(minutes=MINUTES, batch=8)
    speech = read_speech(TELUGU, config.codec.sample_rate, config.codec.level, minutes=MINUTES, seed=config.seed)
    trainer = Trainer(config, speech)
    trainer.place_codebooks()

    def loss(result: Any, batch: Tensor) -> dict[str, Tensor]:
        output, quantized = result
        terms = trainer.terms(output, batch)
        commitment = commitment_loss(output, batch, quantized.power, quantized.distance)
        return {"waveform": terms["waveform"], "spectral": config.spectral_weight * terms["spectral"], "commitment": commitment}

    batch = trainer.segments.draw(0, config.batch)
    return _setup(trainer.codec, batch, loss, trainer.optimizer, config.codec.sample_rate, config.codec.bits_per_second)


def seed() -> dict[str, Any]:
    """The seed's design: an unbounded end on a quantiser with three faults, and a promise of 35 dB."""
    torch.manual_seed(0)
    codec = StudyCodec(next(design for design in DESIGNS if design.end == "unbounded" and design.quantizer == "broken"))
    speech = read_speech(TELUGU, STUDY_CODEC.sample_rate, STUDY_CODEC.level, minutes=MINUTES, seed=7)

    def loss(result: Any, batch: Tensor) -> dict[str, Tensor]:
        output, quantized = result
        return {"l1": 10 * (output - batch).abs().mean(), "commitment": 0.25 * quantized.distance.mean()}

    optimizer = torch.optim.Adam(codec.parameters(), 1e-5)
    batch = Segments(speech, STUDY_CODEC.sample_rate // 2, 7).draw(0, 8)
    made = _setup(codec.codec, batch, loss, optimizer, STUDY_CODEC.sample_rate, STUDY_CODEC.bits_per_second)
    return {**made, "claims": {"snr_db": 35.0}}


def _setup(  # noqa: PLR0917
    model: torch.nn.Module,
    batch: Tensor,
    loss: Callable[[Any, Tensor], dict[str, Tensor]],
    optimizer: Any,
    sample_rate: int,
    bitrate: float,
) -> dict[str, Any]:
    optimizer = getattr(optimizer, "optimizer", optimizer)  # without accelerate's wrapper
    return {
        "model": model,
        "batch": batch,
        "loss": loss,
        "optimizers": [optimizer],
        "sample_rate": sample_rate,
        "bitrate": bitrate,
    }
