"""The vocoder's training: what can be set, the state of a run, and one step of it.

In: batches of `auscult.training.data`. Out: a trained generator. `auscult.training.demo_vocoder` runs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families.streamspeech_modified.config import Config as Architecture
from auscult.families.streamspeech_modified.torch import Generator, build
from auscult.sound.mel import count_padding
from auscult.sound.mel_definition import MelDefinition
from auscult.training.losses import LogMel, SpectrogramCritics, StftLoss


@dataclass(frozen=True)
class DemoTrainConfig:
    """Everything that can be changed from the command line."""

    out: str = "scratch/vocoder"  # folder of the checkpoint, the log and the state to resume from
    steps: int = 4500  # in all, both stages
    critic_start: int = 4500  # first step with critics; at `steps` there are none
    batch: int = 4  # segments
    frames: int = 128  # of mel in a segment: instance norm sees all at once, so not too few
    learning_rate: float = 1.2e-3  # peak, of the generator
    critic_learning_rate: float = 4e-4  # constant
    warmup: int = 100  # steps
    final_rate: float = 0.05  # share of the peak that is left at the last step (cosine)
    mel_weight: float = 3.0  # L1 of log-mel
    stft_weight: float = 1.0  # multi-resolution STFT
    adversarial_weight: float = 0.3
    matching_weight: float = 1.0
    critic_channels: int = 16
    sentences: int = 90  # per language
    renderings: int = 3  # of each sentence
    unknown: float = 0.15  # share of segments without voice and style
    evaluate_every: int = 500  # steps
    threads: int = 1
    seed: int = 7


ARCHITECTURE = Architecture(
    channels=(96, 80, 64, 48, 32, 16),
    upsample_rates=(2, 2, 2, 2, 4),  # product 64 = the mel's hop
    upsample_kernel_sizes=(4, 4, 4, 4, 8),
)
MEL = MelDefinition(hop=64, win=128)
"""Short frames on purpose. A network without memory gives the same samples for the same frame, so a
steady vowel whose frames are all alike comes out at the pitch of the frame rate. Frames of 8 ms
every 4 ms show where each glottal pulse lies."""


def find_learning_rate(step: int, config: DemoTrainConfig) -> float:
    """Linear warm-up, then a cosine down to `final_rate`."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * (
        config.final_rate + (1 - config.final_rate) * 0.5 * (1 + cos(pi * done))
    )


@dataclass
class DemoTrainer:
    """The state of a run."""

    config: DemoTrainConfig
    generator: Generator
    critics: SpectrogramCritics
    optimizer: torch.optim.Optimizer
    critic_optimizer: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def start(cls, config: DemoTrainConfig) -> DemoTrainer:
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        generator, critics = build(ARCHITECTURE), SpectrogramCritics(config.critic_channels)
        return cls(
            config,
            generator,
            critics,
            torch.optim.AdamW(
                generator.parameters(), config.learning_rate, betas=(0.8, 0.99), weight_decay=0.0
            ),
            torch.optim.AdamW(
                critics.parameters(),
                config.critic_learning_rate,
                betas=(0.8, 0.99),
                weight_decay=0.0,
            ),
        )

    def state(self) -> dict[str, Any]:
        """All that a later run needs to go on."""
        parts: dict[str, Any] = {name: getattr(self, name).state_dict() for name in self._parts}
        return {**parts, "step": self.step}

    def restore(self, state: dict[str, Any]) -> None:
        for name in self._parts:
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]

    _parts = ("generator", "critics", "optimizer", "critic_optimizer")

    def train_step(
        self, batch: Sequence[Tensor], log_mel: LogMel, stft: StftLoss
    ) -> dict[str, float]:
        """One update of the generator, and of the critics once they take part; the loss terms by
        name.

        Args:
            batch: What `Batches.draw` gives.
        """
        config, margin = self.config, count_padding(MEL)
        padded, speaker, emotion = batch
        target = padded[:, margin:-margin]
        output = self.generator(log_mel.of_padded(padded), speaker, emotion)[:, 0]
        terms = {
            "mel": functional.l1_loss(log_mel(output), log_mel(target)),
            "stft": stft(output, target),
        }
        loss = config.mel_weight * terms["mel"] + config.stft_weight * terms["stft"]
        if self.step >= config.critic_start:
            terms["critic"] = self.critics.critic_loss(output, target)
            update_weights(self.critic_optimizer, terms["critic"], self.critics)
            terms["adversarial"], terms["matching"] = self.critics.generator_loss(output, target)
            loss = (
                loss
                + config.adversarial_weight * terms["adversarial"]
                + config.matching_weight * terms["matching"]
            )
        for group in self.optimizer.param_groups:
            group["lr"] = find_learning_rate(self.step, config)
        update_weights(self.optimizer, loss, self.generator)
        self.step += 1
        return {name: value.item() for name, value in terms.items()}


def update_weights(optimizer: torch.optim.Optimizer, loss: Tensor, module: nn.Module) -> None:
    """One clipped gradient step."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(module.parameters(), 5.0)
    optimizer.step()


def keep_small_moments(optimizer: torch.optim.Optimizer, largest: int = 128) -> dict[str, Any]:
    """The optimizer's state without the moments of large tensors: enough to see that there was
    one.
    """
    state = optimizer.state_dict()
    small_entries = {
        index: entry
        for index, entry in state["state"].items()
        if entry["exp_avg"].numel() <= largest
    }
    return {"state": small_entries, "param_groups": state["param_groups"]}
