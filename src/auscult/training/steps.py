"""Pieces of a training step that every trainer has: where it computes, the rate, the optimizers, the critics' update."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, isfinite, pi
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from auscult.training.settings import Device, Precision


class RateConfig(Protocol):
    """What decides the learning rate of a step."""

    @property
    def steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def warmup(self) -> int: ...
    @property
    def decay_share(self) -> float: ...
    @property
    def final_rate(self) -> float: ...


def find_learning_rate(step: int, config: RateConfig) -> float:
    """A linear warm-up, a plateau, and a cosine over the last `decay_share` of the steps."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    start = config.steps * (1 - config.decay_share)
    done = min(max((step - start) / max(1.0, config.steps - start), 0.0), 1.0)
    return config.learning_rate * (
        config.final_rate + (1 - config.final_rate) * 0.5 * (1 + cos(pi * done))
    )


def open_accelerator(precision: Precision, device: Device, threads: int) -> Accelerator:
    """The accelerator of a run; `threads` of torch on a processor, 0 leaves them as they are."""
    if threads:
        torch.set_num_threads(threads)
    AcceleratorState._reset_state()  # the precision of an earlier run in this process would stay otherwise
    return Accelerator(mixed_precision=precision, cpu=_is_on_processor(device))


def _is_on_processor(device: Device) -> bool:
    """Whether a training of that setting computes on the processor."""
    if device == "auto":
        return not torch.cuda.is_available()
    return device == "cpu"


def build_optimizer(module: nn.Module, rate: float, beta: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(module.parameters(), rate, betas=(beta, 0.99), weight_decay=0.0)


def draw_share(accelerator: Accelerator, draw: Callable[..., Any], *arguments: Any) -> Any:
    """This process's share of what is drawn for a step: tensors, or None where nothing is drawn."""
    drawn = draw(*arguments, rank=accelerator.process_index, processes=accelerator.num_processes)
    if drawn is None:
        return None
    if isinstance(drawn, tuple):
        return tuple(part.to(accelerator.device) for part in drawn)
    return drawn.to(accelerator.device)


def update_critics(
    accelerator: Accelerator,
    critics: nn.Module,
    optimizer: torch.optim.Optimizer,
    output: Tensor,
    target: Tensor,
    *,
    clip: float,
) -> Tensor:
    """One step of the critics on [batch, time] each, and their loss; none where the gradient is not finite.

    Args:
        critics: As the accelerator has prepared them.
        clip: Largest norm of the gradient.
    """
    loss: Tensor = critics(output.detach(), target)
    optimizer.zero_grad(set_to_none=True)
    accelerator.backward(loss)
    if isfinite(float(accelerator.clip_grad_norm_(critics.parameters(), clip))):
        optimizer.step()
    return loss
