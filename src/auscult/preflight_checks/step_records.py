"""What the user's own step does to optimizers, critics and rates, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OptimizerRecord:
    """One optimizer over the watched steps.

    Attributes:
        name: Its class and number, such as `AdamW 2`.
        of_model: Parameter tensors of the model that it holds.
        of_critics: Parameter tensors of critics that it holds.
        steps: Times it stepped.
        stale: Of these, the times it used gradients in which an earlier backward pass was left that
            some optimizer had already used.
        stale_user: The optimizer that had used that pass.
        left_share: Norm of what was left over the norm of all, largest of those steps.
        rates: Learning rate of its first group, before the first watched step and after each.
    """

    name: str
    of_model: int
    of_critics: int
    steps: int
    stale: int = 0
    stale_user: str | None = None
    left_share: float = 0.0
    rates: tuple[float, ...] = ()


@dataclass(frozen=True)
class CriticRecord:
    """One critic (discriminator): a trained module beside the model.

    Attributes:
        name: Its class.
        tensors: Its parameter tensors that may be trained.
        optimizer: Name of the optimizer that holds them, None for none.
        backward_passes: Backward passes that filled its gradients and not the model's: its own.
        untrained: Its parts whose gradients were always empty when their optimizer stepped.
        moved: Largest relative change of a parameter tensor over the steps.
        judged_attached: Calls, of those before a generator's backward pass, with an input through which
            a gradient can go back.
        judged_detached: Generator's backward passes that went through the critic and had no such input.
        prefers_real: Per step +1 where its own loss wants real sound scored higher than the model's, -1
            the other way round; empty where that could not be told.
        model_wants_up: Per step +1 where the model's loss wants its own sound scored higher, -1 lower.
    """

    name: str
    tensors: int
    optimizer: str | None = None
    backward_passes: int = 0
    untrained: tuple[str, ...] = ()
    moved: float = 0.0
    judged_attached: int = 0
    judged_detached: int = 0
    prefers_real: tuple[int, ...] = ()
    model_wants_up: tuple[int, ...] = ()


@dataclass(frozen=True)
class StepRecord:
    """All of it; empty where the user's step was not run."""

    optimizers: tuple[OptimizerRecord, ...] = ()
    critics: tuple[CriticRecord, ...] = ()
    planned_steps: int | None = None
