"""Trainings for `auscult preflight` to look at: `auscult.training.codec.targets:telugu`,
`:broken_quantizer` and `:broken_quantizer_with_tanh`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from auscult.training.codec.config import TrainConfig
from auscult.training.codec.designs import STUDY_CODEC, Design, End, StudyCodec
from auscult.training.codec.losses import commitment_loss
from auscult.training.codec.segments import Segments
from auscult.training.codec.speech import TELUGU, read_speech
from auscult.training.codec.trainer import Trainer

MINUTES = 2.0


def telugu() -> dict[str, Any]:
    """The training of the codec that comes with the package, at its first step."""
    config = TrainConfig(minutes=MINUTES, batch=8)
    speech = read_speech(
        TELUGU, config.codec.sample_rate, config.codec.level, minutes=MINUTES, seed=config.seed
    )
    trainer = Trainer(config, speech)
    trainer.place_codebooks()

    def loss(result: Any, batch: Tensor) -> dict[str, Tensor]:
        output, quantized = result
        terms = trainer.terms(output, batch)
        commitment = commitment_loss(output, batch, quantized.power, quantized.distance)
        return {
            "waveform": terms["waveform"],
            "spectral": config.spectral_weight * terms["spectral"],
            "commitment": commitment,
        }

    batch = trainer.segments.draw(0, config.batch)
    return _build_setup(
        trainer.codec,
        batch,
        loss,
        trainer.optimizer,
        config.codec.sample_rate,
        config.codec.bits_per_second,
    )


def broken_quantizer() -> dict[str, Any]:
    """A published codec after its author's last repair: an unbounded end on a quantiser with three
    faults, and a promise of 35 dB.
    """
    return _build_broken_setup("unbounded")


def broken_quantizer_with_tanh() -> dict[str, Any]:
    """The same before that repair: behind the decoder a tanh, and a scale that is learnt."""
    return _build_broken_setup("tanh, scale 3")


def _build_broken_setup(end: End) -> dict[str, Any]:
    torch.manual_seed(0)
    codec = StudyCodec(Design(end, "broken"))
    speech = read_speech(
        TELUGU, STUDY_CODEC.sample_rate, STUDY_CODEC.level, minutes=MINUTES, seed=7
    )

    def loss(result: Any, batch: Tensor) -> dict[str, Tensor]:
        output, quantized = result
        return {
            "l1": 10 * (output - batch).abs().mean(),
            "commitment": 0.25 * quantized.distance.mean(),
        }

    optimizer = torch.optim.Adam(
        [value for value in codec.parameters() if value.requires_grad], 1e-5
    )
    batch = Segments(speech, STUDY_CODEC.sample_rate // 2, 7).draw(0, 8)
    inner_codec = codec.codec
    model = (
        inner_codec if end == "unbounded" else codec
    )  # the scale is no part of a design without one
    setup = _build_setup(
        model, batch, loss, optimizer, STUDY_CODEC.sample_rate, STUDY_CODEC.bits_per_second
    )
    parts = {
        "encoder": inner_codec.encoder,
        "quantizer": inner_codec.quantizer,
        "decoder": inner_codec.decoder,
    }
    return {**setup, "parts": parts, "claims": {"snr_db": 35.0}}


def _build_setup(  # noqa: PLR0917
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
