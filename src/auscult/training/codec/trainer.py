"""One step of a codec's training, and everything that it depends on: codebooks and the balancer beside what every
trainer has.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from auscult.families.codec.quantizer import Quantized
from auscult.families.codec.storage import write_codec
from auscult.families.codec.torch import Codec
from auscult.training.checkpoint import select_prefix
from auscult.training.codec.balancer import Balancer
from auscult.training.codec.codebooks import Codebooks
from auscult.training.codec.config import TrainConfig
from auscult.training.codec.initial import start_codec
from auscult.training.codec.losses import CodecLosses, commitment_loss
from auscult.training.codec.monitor import CodecMonitor
from auscult.training.codec.segments import Segments
from auscult.training.monitor import MonitorReading
from auscult.training.recordings import Speech
from auscult.training.steps import draw_share
from auscult.training.trainer import GeneratorTrainer

RELEASE = "codec.safetensors"
BETA = 0.9  # first moment of the codec's optimizer
START_SEGMENTS = 256  # whose latents place the codebooks before the first step
FINAL_DEAD_SHARE = 1e-3  # share of the mean use below which a code is moved even at the end
_START_STEP = (
    2**31
)  # no step of a run: the segments that place the codebooks are drawn under its number


class Trainer(GeneratorTrainer[TrainConfig]):
    """The state of a run, and its steps."""

    GENERATOR_NAME, RELEASE_NAME = "codec", RELEASE

    def __init__(self, config: TrainConfig, speech: Speech, codec: Codec | None = None) -> None:
        """
        Args:
            codec: To be trained instead of a fresh one of the config: one of another architecture,
                say.
        """
        super().__init__(config, speech)
        torch.manual_seed(config.seed)
        fresh = start_codec(config.codec, config.start) if codec is None else codec
        self.prepare_generator(fresh, BETA)
        self.codec: Codec = self.generator
        self.losses = CodecLosses(
            config.codec.sample_rate, mel=config.mel_weight > 0, spectral=config.spectral_weight > 0
        ).to(self.accelerator.device)
        self.books = Codebooks(
            self.codec.quantizer,
            decay=config.codebook_decay,
            dead=config.dead_share,
            seed=config.seed,
        )
        self.segments = Segments(
            speech, round(config.segment * config.codec.sample_rate), config.seed
        )
        self.balancer = Balancer() if config.balance else None
        self.monitor = CodecMonitor(config.codec.sample_rate)
        self.prepare_critics()

    @torch.no_grad()
    def place_codebooks(self) -> None:
        """K-means over the latents of the first segments."""
        audio = draw_share(self.accelerator, self.segments.draw, _START_STEP, START_SEGMENTS)
        self.books.start(
            torch.cat([self.codec.encoder(self.codec.padded(piece)) for piece in audio.split(16)])
        )

    def train_step(self) -> dict[str, float]:
        """One update; the loss terms and a few figures by name.

        A step without a finite gradient changes nothing.
        """
        config = self.config
        target = draw_share(self.accelerator, self.segments.draw, self.step, config.batch)
        depths = draw_share(
            self.accelerator,
            self.segments.depths,
            self.step,
            config.batch,
            config.codec.books,
            config.dropout,
        )
        self.set_learning_rate()
        output, quantized = self.model(target, depths)
        output = output.float()
        critic = self.train_critics(output, target)
        terms = self.terms(output, target)
        commitment = commitment_loss(output, target, quantized.power, quantized.distance)
        loss = self.sum_terms(terms, output) + config.commitment_weight * commitment
        norm = self.update_generator(loss)
        if isfinite(norm):
            self._update_books(quantized)
        self.step += 1
        error = (output.detach() - target).square().sum().clamp_min(1e-12)
        figures = {
            name: float(value.detach())
            for name, value in {**terms, **critic, "commitment": commitment}.items()
        }
        return {
            **figures,
            "gradient": norm,
            "snr": float(10 * torch.log10(target.square().sum() / error)),
        }

    def _update_books(self, quantized: Quantized) -> None:
        if self.step < self.config.revive_until * self.config.steps:
            self.books.dead = self.config.dead_share
        else:
            self.books.dead = FINAL_DEAD_SHARE
        self.books.update(quantized)

    def sum_terms(self, terms: Mapping[str, Tensor], output: Tensor) -> Tensor:
        """The terms times their weights, or what the balancer makes of both."""
        if self.balancer is None:
            return super().sum_terms(terms, output)
        weights = {name: self.find_weight(name) for name in terms}
        return self.balancer.surrogate(terms, weights, output)

    def look(self) -> MonitorReading:
        """What the monitor sees on the next step's segments."""
        target = draw_share(self.accelerator, self.segments.draw, self.step, self.config.batch)
        return self.monitor.look(self.codec, target, self.terms)

    def state(self) -> dict[str, Tensor]:
        """All that a resumed run needs."""
        state = super().state()
        state |= {f"books.{name}": value for name, value in self.books.state().items()}
        if self.balancer is not None:
            state |= {f"balancer.{name}": value for name, value in self.balancer.state().items()}
        return state

    def restore(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        """Go on from `state`. Critics that the earlier run did not have start fresh."""
        super().restore(tensors, about)
        self.books.restore(select_prefix(tensors, "books."))
        if self.balancer is not None:
            self.balancer.restore(select_prefix(tensors, "balancer."))

    def write_release(self, path: Path, facts: Mapping[str, Any]) -> None:
        write_codec(self.codec, self.config.codec, path, facts)
