"""A branch that is never called, one that is detached, one that is multiplied by zero."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from corpus.training.trainers import SHAPES, Knobs, Shape, Trainer, build_trainer

CAUSE = "dead-parameters"


class Branch(nn.Module):
    """A part with a branch of its own beside it that does not count."""

    def __init__(self, inner: nn.Module, how: Literal["unused", "detached", "zeroed"]) -> None:
        super().__init__()
        self.inner, self.how = inner, how
        self.branch = nn.Sequential(
            nn.Conv1d(1, 4, 3, padding=1), nn.Tanh(), nn.Conv1d(4, 1, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x)
        if self.how == "detached":
            return out + 0.1 * self.branch(out).detach()
        return out + 0.0 * self.branch(out) if self.how == "zeroed" else out


def unused(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, decoder=lambda part: Branch(part, "unused")))


def detached(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, decoder=lambda part: Branch(part, "detached")))


def zeroed(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, decoder=lambda part: Branch(part, "zeroed")))


VARIANTS = {
    "unused": (SHAPES, unused),
    "detached": (SHAPES, detached),
    "times zero": (SHAPES, zeroed),
}
