"""One training step, and everything that it depends on.

Accelerate places the model, casts for mixed precision and averages the gradients under `torchrun`;
everything else is written out here, so that it can be read and changed. A step depends on the seed,
its number and the state alone, and the state is in the checkpoint: a run that is killed and resumed
goes on bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from auscult.families.codec.quantizer import Quantized
from auscult.families.codec.storage import write_codec, write_tensors
from auscult.families.codec.torch import Codec
from auscult.training.checkpoint import (
    flatten_optimizer,
    flatten_scaler,
    restore_optimizer,
    restore_scaler,
    select_prefix,
)
from auscult.training.codec.balancer import Balancer
from auscult.training.codec.codebooks import Codebooks
from auscult.training.codec.config import TrainConfig
from auscult.training.codec.initial import start_codec
from auscult.training.codec.losses import CodecLosses, commitment_loss
from auscult.training.codec.monitor import CodecMonitor
from auscult.training.codec.segments import Segments
from auscult.training.critics import SoundCritics
from auscult.training.monitor import MonitorReading
from auscult.training.recordings import Speech
from auscult.training.steps import (
    build_optimizer,
    draw_share,
    find_learning_rate,
    open_accelerator,
    update_critics,
)

RESUME, RELEASE = "resume.safetensors", "codec.safetensors"
START_SEGMENTS = 256  # whose latents place the codebooks before the first step
FINAL_DEAD_SHARE = 1e-3  # share of the mean use below which a code is moved even at the end
_START_STEP = (
    2**31
)  # no step of a run: the segments that place the codebooks are drawn under its number


class Trainer:
    """The state of a run, and its steps."""

    def __init__(self, config: TrainConfig, speech: Speech, codec: Codec | None = None) -> None:
        """
        Args:
            codec: To be trained instead of a fresh one of the config: one of another architecture,
                say.
        """
        self.config, self.speech = config, speech
        self.accelerator = open_accelerator(config.precision, config.device, config.threads)
        device = self.accelerator.device
        torch.manual_seed(config.seed)
        self.codec: Codec = (
            start_codec(config.codec, config.start) if codec is None else codec
        ).to(device)
        self.model, self.optimizer = self.accelerator.prepare(
            self.codec, build_optimizer(self.codec, config.learning_rate, 0.9)
        )
        self.losses = CodecLosses(
            config.codec.sample_rate, mel=config.mel_weight > 0, spectral=config.spectral_weight > 0
        ).to(device)
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
        self.critics: SoundCritics | None = None
        if config.adversarial_weight > 0 or config.matching_weight > 0:
            self.critics = SoundCritics(config.critic_channels).to(device)
            optimizer = build_optimizer(self.critics, config.critic_rate, 0.8)
            self.critic_model, self.critic_optimizer = self.accelerator.prepare(
                self.critics, optimizer
            )
        self.step = self.bad_steps = 0

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
        for group in self.optimizer.param_groups:
            group["lr"] = find_learning_rate(self.step, config)
        output, quantized = self.model(target, depths)
        output = output.float()
        critic = self._train_critics(output, target)
        terms = self.terms(output, target)
        commitment = commitment_loss(output, target, quantized.power, quantized.distance)
        loss = self._sum_terms(terms, output) + config.commitment_weight * commitment
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        norm = float(self.accelerator.clip_grad_norm_(self.codec.parameters(), config.clip))
        if isfinite(norm):
            self.optimizer.step()
            self._update_books(quantized)
        self.bad_steps = 0 if isfinite(norm) else self.bad_steps + 1
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

    def _train_critics(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        if self.critics is None or self.step < self.config.critic_start:
            return {}
        loss = update_critics(
            self.accelerator,
            self.critic_model,
            self.critic_optimizer,
            output[:, 0],
            target[:, 0],
            clip=self.config.clip,
        )
        return {"critic": loss}

    def terms(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The losses of [batch, 1, time] that have a weight, by name."""
        terms: dict[str, Tensor] = self.losses(output, target)
        if self.critics is not None and self.step >= self.config.critic_start:
            terms |= self.critics.requires_grad_(False).generator_loss(output[:, 0], target[:, 0])
            self.critics.requires_grad_(True)
        return {name: value for name, value in terms.items() if self._find_weight(name) > 0}

    def _sum_terms(self, terms: Mapping[str, Tensor], output: Tensor) -> Tensor:
        if self.balancer is not None:
            return self.balancer.surrogate(
                terms, {name: self._find_weight(name) for name in terms}, output
            )
        return sum(
            (self._find_weight(name) * value for name, value in terms.items()), output.new_zeros(())
        )

    def _find_weight(self, name: str) -> float:
        weight: float = getattr(self.config, f"{name}_weight")
        return weight

    def look(self) -> MonitorReading:
        """What the monitor sees on the next step's segments."""
        target = draw_share(self.accelerator, self.segments.draw, self.step, self.config.batch)
        return self.monitor.look(self.codec, target, self.terms)

    def state(self) -> dict[str, Tensor]:
        """All that a resumed run needs."""
        state = {
            **{f"codec.{name}": value for name, value in self.codec.state_dict().items()},
            **{f"books.{name}": value for name, value in self.books.state().items()},
            **flatten_optimizer(self.optimizer, "optimizer."),
            **flatten_scaler(self.accelerator.scaler),
        }
        if self.critics is not None:
            state |= {f"critics.{name}": value for name, value in self.critics.state_dict().items()}
            state |= flatten_optimizer(self.critic_optimizer, "critic_optimizer.")
        if self.balancer is not None:
            state |= {f"balancer.{name}": value for name, value in self.balancer.state().items()}
        return state

    def restore(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        """Go on from `state`. Critics that the earlier run did not have start fresh."""
        self.codec.load_state_dict(select_prefix(tensors, "codec."))
        self.books.restore(select_prefix(tensors, "books."))
        restore_optimizer(self.optimizer, tensors, "optimizer.")
        if self.critics is not None and select_prefix(tensors, "critics."):
            self.critics.load_state_dict(select_prefix(tensors, "critics."))
            restore_optimizer(self.critic_optimizer, tensors, "critic_optimizer.")
        if self.balancer is not None:
            self.balancer.restore(select_prefix(tensors, "balancer."))
        restore_scaler(self.accelerator.scaler, tensors)
        self.step = int(about["step"])

    def save(self, out: Path, **about: Any) -> bool:
        """Both checkpoints, by the first process.

        False if the disk did not take them; the ones before are then still whole.
        """
        if not self.accelerator.is_main_process:
            return True
        facts = {"step": self.step, "training": self.config.to_dict(), **about}
        try:
            write_tensors(self.state(), facts, out / RESUME)
            write_codec(self.codec, self.config.codec, out / RELEASE, facts)
        except OSError:
            return False
        return True
