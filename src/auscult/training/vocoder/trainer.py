"""One step of a vocoder's training, and everything that it depends on.

A step depends on the seed, its number and the state alone, and the state is in the checkpoint: a run that is killed and
resumed goes on bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from auscult.families.codec.storage import write_tensors
from auscult.training.checkpoint import (
    flatten_optimizer,
    flatten_scaler,
    restore_optimizer,
    restore_scaler,
    select_prefix,
)
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
from auscult.training.vocoder.config import VocoderTrainConfig
from auscult.training.vocoder.initial import start_generator
from auscult.training.vocoder.losses import VocoderLosses
from auscult.training.vocoder.monitor import VocoderMonitor
from auscult.training.vocoder.segments import MelSegments
from auscult.training.vocoder.sizes import build_config
from auscult.training.vocoder.storage import write_vocoder

RESUME, RELEASE = "resume.safetensors", "vocoder.safetensors"
BETA = 0.8  # first moment of both optimizers, as HiFi-GAN and Vocos have it


class VocoderTrainer:
    """The state of a run, and its steps."""

    def __init__(self, config: VocoderTrainConfig, speech: Speech) -> None:
        self.config, self.speech = config, speech
        self.model_config = build_config(config.family, config.mel, config.model)
        self.accelerator = open_accelerator(config.precision, config.device, config.threads)
        device, mel = self.accelerator.device, config.mel
        frames = max(2, round(config.segment * mel.sample_rate / mel.hop))
        self.segments = MelSegments(speech, mel, frames, config.seed)
        torch.manual_seed(config.seed)
        self.generator = start_generator(self.model_config, self.segments.samples).to(device)
        self.model, self.optimizer = self.accelerator.prepare(
            self.generator, build_optimizer(self.generator, config.learning_rate, BETA)
        )
        self.losses = VocoderLosses(
            mel, (frames - 1) * mel.hop, bands=config.mel_weight > 0, stft=config.stft_weight > 0
        ).to(device)
        self.monitor = VocoderMonitor(mel.sample_rate)
        self.critics: SoundCritics | None = None
        if config.has_critics:
            self.critics = SoundCritics(config.critic_channels).to(device)
            self.critic_model, self.critic_optimizer = self.accelerator.prepare(
                self.critics, build_optimizer(self.critics, config.critic_rate, BETA)
            )
        self.step = self.bad_steps = 0

    def train_step(self) -> dict[str, float]:
        """One update; the loss terms and a few figures by name.

        A step without a finite gradient changes nothing.
        """
        config = self.config
        mel, target = draw_share(self.accelerator, self.segments.draw, self.step, config.batch)
        for group in self.optimizer.param_groups:
            group["lr"] = find_learning_rate(self.step, config)
        output = self.model(mel).float()
        target = target[..., : output.shape[-1]]
        critic = self._train_critics(output, target)
        terms = self.terms(output, target)
        loss = sum(
            (self._find_weight(name) * value for name, value in terms.items()), output.new_zeros(())
        )
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        norm = float(self.accelerator.clip_grad_norm_(self.generator.parameters(), config.clip))
        if isfinite(norm):
            self.optimizer.step()
        self.bad_steps = 0 if isfinite(norm) else self.bad_steps + 1
        self.step += 1
        figures = {name: float(value.detach()) for name, value in {**terms, **critic}.items()}
        return {**figures, "gradient": norm}

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

    def _find_weight(self, name: str) -> float:
        weight: float = getattr(self.config, f"{name}_weight")
        return weight

    def look(self) -> MonitorReading:
        """What the monitor sees on the next step's segments."""
        mel, target = draw_share(self.accelerator, self.segments.draw, self.step, self.config.batch)
        return self.monitor.look(self.generator, mel, target, self.terms)

    def state(self) -> dict[str, Tensor]:
        """All that a resumed run needs."""
        state = {
            **{f"generator.{name}": value for name, value in self.generator.state_dict().items()},
            **flatten_optimizer(self.optimizer, "optimizer."),
            **flatten_scaler(self.accelerator.scaler),
        }
        if self.critics is not None:
            state |= {f"critics.{name}": value for name, value in self.critics.state_dict().items()}
            state |= flatten_optimizer(self.critic_optimizer, "critic_optimizer.")
        return state

    def restore(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        """Go on from `state`. Critics that the earlier run did not have start fresh."""
        self.generator.load_state_dict(select_prefix(tensors, "generator."))
        restore_optimizer(self.optimizer, tensors, "optimizer.")
        if self.critics is not None and select_prefix(tensors, "critics."):
            self.critics.load_state_dict(select_prefix(tensors, "critics."))
            restore_optimizer(self.critic_optimizer, tensors, "critic_optimizer.")
        restore_scaler(self.accelerator.scaler, tensors)
        self.step = int(about["step"])

    def save(self, out: Path, **about: Any) -> bool:
        """Both checkpoints, by the first process.

        False if the disk did not take them; the ones before are then still whole.
        """
        if not self.accelerator.is_main_process:
            return True
        facts = {
            "step": self.step,
            "training": self.config.to_dict(),
            **about,
        }
        try:
            write_tensors(self.state(), facts, out / RESUME)
            write_vocoder(self.generator, self.model_config, self.config.mel, out / RELEASE, facts)
        except OSError:
            return False
        return True
