"""Does the loss fall on one batch, at this learning rate and at others?"""

from __future__ import annotations

import math
import time

import torch

from auscult.facts.progress import Progress
from auscult.preflight_checks.keep import TrainingSnapshot
from auscult.preflight_checks.records import LearningCurve
from auscult.preflight_checks.setup import Setup, sum_terms
from auscult.preflight_checks.steps import StepsTrail, run_step

FACTORS = (0.01, 0.1, 1.0, 10.0, 30.0, 100.0, 1000.0)
SWEEP_STEPS = 5
MAX_RATE = 0.3
DESCENT_STEPS = (1e-5, 1e-4, 1e-3)
"""Lengths of plain descent steps, relative to the length of all parameters."""


def compute_relative_fall(losses: list[float]) -> float:
    """How far the loss fell, relative to its first value, to the median of the last quarter; NaN if
    it blew up.
    """
    if not losses or not all(map(math.isfinite, losses)):
        return float("nan")
    tail = sorted(losses[-max(1, len(losses) // 4) :])
    return (losses[0] - tail[len(tail) // 2]) / max(abs(losses[0]), 1e-12)


def measure_learning(
    setup: Setup,
    trail: StepsTrail,
    snapshot: TrainingSnapshot,
    deadline: float,
    progress: Progress | None = None,
) -> LearningCurve | None:
    """The loss over the steps that were run, and over a few steps at other learning rates from the
    same start.

    None where the steps say nothing of their loss.
    """
    if not trail.losses or not setup.optimizers:
        return None
    rate = float(setup.optimizers[0].param_groups[0]["lr"])
    sweep: dict[float, float] = {}
    rates = [factor * rate for factor in FACTORS if factor * rate <= max(MAX_RATE, rate)]
    for done, other in enumerate(rates):
        if time.monotonic() + SWEEP_STEPS * trail.seconds > deadline:
            break
        sweep[float(f"{other:.6g}")] = _measure_fall_at(
            setup, snapshot, other / rate if rate else 1.0
        )
        if progress:
            progress(done + 1, len(rates), "learning rates")
    snapshot.restore()
    return LearningCurve(
        losses=tuple(trail.losses),
        learning_rate=rate,
        sweep=sweep,
        sweep_steps=SWEEP_STEPS,
        descent=_measure_descent(setup, snapshot) if setup.loss is not None else None,
        downhill=_measure_downhill(setup, snapshot) if setup.loss is not None else None,
        moved=max(trail.moved.values(), default=None),
    )


def _measure_fall_at(setup: Setup, snapshot: TrainingSnapshot, factor: float) -> float:
    snapshot.restore()
    for optimizer in setup.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor
    setup.model.train()
    with torch.enable_grad():
        losses = [sum(run_step(setup).values()) for _ in range(SWEEP_STEPS)]
    return compute_relative_fall(losses)


def _measure_downhill(setup: Setup, snapshot: TrainingSnapshot) -> float | None:
    """How much of one step goes down the gradient, value by value: 1 all, -1 none; None where
    nothing moves.
    """
    gradient_state = _compute_gradients(setup, snapshot)
    if gradient_state is None:
        return None
    parameters, gradients, _ = gradient_state
    snapshot.restore()
    before = [parameter.detach().clone() for parameter in parameters]
    setup.model.train()
    with torch.enable_grad():
        torch.manual_seed(0)
        run_step(setup)
    inner = size = 0.0
    for parameter, old, gradient in zip(parameters, before, gradients, strict=True):
        if gradient is not None:
            product = (parameter.detach() - old).double() * gradient.double()
            inner -= float(product.sum())
            size += float(product.abs().sum())
    snapshot.restore()
    if 0 < size < math.inf:
        return inner / size
    return None


def _compute_gradients(
    setup: Setup, snapshot: TrainingSnapshot
) -> tuple[list[torch.Tensor], tuple[torch.Tensor | None, ...], float] | None:
    """Trainable parameters, the gradient of the whole loss at the start, and the loss; None where
    it has none.
    """
    snapshot.restore()
    parameters: list[torch.Tensor] = [p for p in setup.model.parameters() if p.requires_grad]
    setup.model.train()
    with torch.enable_grad():
        torch.manual_seed(0)
        total = sum_terms(setup.terms(setup.output_of(setup.batch), setup.batch))
        if not total.requires_grad or not parameters:
            return None
        return (
            parameters,
            torch.autograd.grad(total, parameters, allow_unused=True),
            float(total.detach()),
        )


def _measure_descent(setup: Setup, snapshot: TrainingSnapshot) -> float | None:
    """The best relative fall of the loss after one step along the negative gradient."""
    gradient_state = _compute_gradients(setup, snapshot)
    if gradient_state is None:
        return None
    parameters, gradients, before = gradient_state
    square = sum(float(g.double().square().sum()) for g in gradients if g is not None)
    if not math.isfinite(square) or square == 0:
        return 0.0
    size = math.sqrt(sum(float(p.detach().double().square().sum()) for p in parameters))
    falls = []
    for length in DESCENT_STEPS:
        snapshot.restore()
        setup.model.train()
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.sub_(gradient * (length * size / math.sqrt(square)))
            torch.manual_seed(0)
            after = float(sum_terms(setup.terms(setup.output_of(setup.batch), setup.batch)))
        falls.append((before - after) / max(abs(before), 1e-12))
    snapshot.restore()
    return max(falls)
