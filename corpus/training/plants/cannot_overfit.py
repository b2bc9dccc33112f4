"""Uphill, without gradients, clipped to nothing, against targets that change."""

from __future__ import annotations

import torch
from torch import Tensor

from corpus.training.trainers import SHAPES, Knobs, Shape, Trainer, build_trainer

CAUSE = "cannot-overfit"


def uphill(shape: Shape, seed: int) -> Trainer:
    trainer = build_trainer(Knobs(shape, seed))
    return {
        **trainer,
        "optimizers": torch.optim.Adam(trainer["model"].parameters(), 1e-3, maximize=True),
    }


def clipped(shape: Shape, seed: int) -> Trainer:
    """SGD behind a clip at a millionth."""
    trainer = build_trainer(Knobs(shape, seed))
    model, loss, batch = trainer["model"], trainer["loss"], trainer["batch"]
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)

    def step() -> Tensor:
        optimizer.zero_grad()
        total = sum(loss(model(batch[0] if isinstance(batch, tuple) else batch), batch).values())
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1e-6)
        optimizer.step()
        return total.detach()

    return {**trainer, "optimizers": optimizer, "step": step}


def flipped_gradient(shape: Shape, seed: int) -> Trainer:
    """The loop negates the gradients (a reversal layer left in)."""
    trainer = build_trainer(Knobs(shape, seed))
    model, loss, batch, optimizer = (
        trainer["model"],
        trainer["loss"],
        trainer["batch"],
        trainer["optimizers"],
    )

    def step() -> Tensor:
        optimizer.zero_grad()
        total = sum(loss(model(batch[0] if isinstance(batch, tuple) else batch), batch).values())
        (-total).backward()
        optimizer.step()
        return total.detach()

    return {**trainer, "step": step}


VARIANTS = {
    "uphill": (SHAPES, uphill),
    "clipped away": (SHAPES, clipped),
    "negated": (SHAPES, flipped_gradient),
}
