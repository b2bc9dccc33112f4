"""What the trainers of a codec and of a vocoder share: critics, weights of the losses, the update, and the state.

Accelerate places the model, casts for mixed precision and averages the gradients under `torchrun`;
everything else is written out here, so that it can be read and changed. A step depends on the seed,
its number and the state alone, and the state is in the checkpoint: a run that is killed and resumed
goes on bit for bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

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
from auscult.training.settings import GeneratorTrainConfig
from auscult.training.steps import (
    build_optimizer,
    find_learning_rate,
    open_accelerator,
    update_critics,
)

RESUME = "resume.safetensors"
CRITIC_BETA = 0.8  # first moment of the critics' optimizer, as HiFi-GAN and Vocos have it
ConfigT = TypeVar("ConfigT", bound=GeneratorTrainConfig)


class GeneratorTrainer(ABC, Generic[ConfigT]):
    """The state of a run, and its steps.

    A subclass builds its generator, hands it to `prepare_generator`, then calls `prepare_critics`, in this order: both
    draw random weights.

    Attributes:
        generator: The network that makes sound, as it is saved.
        model: The same as the accelerator has prepared it.
        losses: From output and target, [batch, 1, time] each, to the terms that need no critic, by name.
        critics: None where the config gives them no weight.
        step: How many steps were made.
        bad_steps: Of these, how many of the last in a row had no finite gradient.
    """

    GENERATOR_NAME: ClassVar[str]
    """Before the generator's names in the state."""
    RELEASE_NAME: ClassVar[str]
    """Of the file that `write_release` writes."""
    losses: nn.Module
    generator: Any
    model: Any
    optimizer: torch.optim.Optimizer

    def __init__(self, config: ConfigT, speech: Speech) -> None:
        self.config, self.speech = config, speech
        self.accelerator = open_accelerator(config.precision, config.device, config.threads)
        self.critics: SoundCritics | None = None
        self.step = self.bad_steps = 0

    def prepare_generator(self, generator: nn.Module, beta: float) -> None:
        """Place the generator, with an optimizer.

        Args:
            beta: First moment of the optimizer.
        """
        self.generator = generator.to(self.accelerator.device)
        self.model, self.optimizer = self.accelerator.prepare(
            self.generator, build_optimizer(self.generator, self.config.learning_rate, beta)
        )

    def prepare_critics(self) -> None:
        """Start the critics with random weights, where the config has any."""
        if not self.config.has_critics:
            return
        self.critics = SoundCritics(self.config.critic_channels).to(self.accelerator.device)
        self.critic_model, self.critic_optimizer = self.accelerator.prepare(
            self.critics, build_optimizer(self.critics, self.config.critic_rate, CRITIC_BETA)
        )

    @abstractmethod
    def train_step(self) -> dict[str, float]:
        """One update; the loss terms and a few figures by name.

        A step without a finite gradient changes nothing.
        """

    @abstractmethod
    def look(self) -> MonitorReading:
        """What the monitor sees on the next step's segments."""

    @abstractmethod
    def write_release(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write the generator as it is used."""

    @property
    def critics_take_part(self) -> bool:
        return self.critics is not None and self.step >= self.config.critic_start

    def set_learning_rate(self) -> None:
        """Give the generator's optimizer the rate of this step."""
        for group in self.optimizer.param_groups:
            group["lr"] = find_learning_rate(self.step, self.config)

    def train_critics(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """One update of the critics on [batch, 1, time] each, and their loss; nothing before they take part."""
        if not self.critics_take_part:
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
        if self.critics is not None and self.critics_take_part:
            terms |= self.critics.requires_grad_(False).generator_loss(output[:, 0], target[:, 0])
            self.critics.requires_grad_(True)
        return {name: value for name, value in terms.items() if self.find_weight(name) > 0}

    def find_weight(self, name: str) -> float:
        """The weight of a term, from the config."""
        weight: float = getattr(self.config, f"{name}_weight")
        return weight

    def sum_terms(self, terms: Mapping[str, Tensor], output: Tensor) -> Tensor:
        """The terms times their weights."""
        return sum(
            (self.find_weight(name) * value for name, value in terms.items()), output.new_zeros(())
        )

    def update_generator(self, loss: Tensor) -> float:
        """One update of the generator, none where the gradient is not finite; the gradient's norm before clipping."""
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        parameters = self.generator.parameters()
        norm = float(self.accelerator.clip_grad_norm_(parameters, self.config.clip))
        if isfinite(norm):
            self.optimizer.step()
        self.bad_steps = 0 if isfinite(norm) else self.bad_steps + 1
        return norm

    def state(self) -> dict[str, Tensor]:
        """All that a resumed run needs."""
        weights = self.generator.state_dict()
        state = {
            **{f"{self.GENERATOR_NAME}.{name}": value for name, value in weights.items()},
            **flatten_optimizer(self.optimizer, "optimizer."),
            **flatten_scaler(self.accelerator.scaler),
        }
        if self.critics is not None:
            state |= {f"critics.{name}": value for name, value in self.critics.state_dict().items()}
            state |= flatten_optimizer(self.critic_optimizer, "critic_optimizer.")
        return state

    def restore(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        """Go on from `state`. Critics that the earlier run did not have start fresh."""
        self.generator.load_state_dict(select_prefix(tensors, f"{self.GENERATOR_NAME}."))
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
        facts = {"step": self.step, "training": self.config.to_dict(), **about}
        try:
            write_tensors(self.state(), facts, out / RESUME)
            self.write_release(out / self.RELEASE_NAME, facts)
        except OSError:
            return False
        return True
