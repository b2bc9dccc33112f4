"""Every plant on every shape, and the healthy trainers; judged by what preflight names first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auscult import plugins
from auscult.finding import Severity
from auscult.verbs.preflight import preflight
from auscult.verdict import Report
from corpus.training.trainers import SHAPES, Knobs, Shape, Trainer, build

HEALTHY = {
    "plain": lambda shape, seed: build(Knobs(shape, seed)),
    "slower": lambda shape, seed: build(Knobs(shape, seed, rate=2e-4)),
    "no tanh": lambda shape, seed: build(Knobs(shape, seed, tanh=False)),
    "tanh": lambda shape, seed: build(Knobs(shape, seed, tanh=True)),
    "dropped books": lambda shape, seed: build(Knobs(shape, seed, dropout=0.5)),
    "honest claims": lambda shape, seed: {
        **build(Knobs(shape, seed)),
        "claims": {"snr_db": 8.9, "rms_ratio": 0.93, "correlation": 0.935},
    },
    "own step": lambda shape, seed: with_step(build(Knobs(shape, seed))),
}
"""Variants that must be left alone."""


@dataclass(frozen=True)
class Case:
    """One trainer: the cause planted in it, or None."""

    cause: str | None
    variant: str
    shape: Shape
    seed: int
    make: object

    @property
    def label(self) -> str:
        return f"{self.cause or 'healthy'}/{self.variant}/{self.shape}/{self.seed}"


def with_step(trainer: Trainer) -> Trainer:
    """The trainer with a loop of its own."""
    model, loss, batch, optimizer = (
        trainer["model"],
        trainer["loss"],
        trainer["batch"],
        trainer["optimizers"],
    )

    def step(given: object) -> dict[str, float]:
        terms = loss(model(given[0] if isinstance(given, tuple) else given), batch)
        total = sum(terms.values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        return {
            "total": float(total.detach()),
            **{name: float(value.detach()) for name, value in terms.items()},
        }

    return {**trainer, "step": step}


def planted(seeds: int) -> Iterator[Case]:
    """Every cause, variant, shape and seed."""
    for module in plugins.modules("corpus.training.plants"):
        for variant, (shapes, make) in module.VARIANTS.items():
            for shape in shapes:
                for seed in range(seeds):
                    yield Case(module.CAUSE, variant, shape, seed, make)


def healthy(seeds: int) -> Iterator[Case]:
    """Every healthy variant, shape and seed."""
    for variant, make in HEALTHY.items():
        for shape in SHAPES:
            for seed in range(seeds):
                yield Case(None, variant, shape, seed, make)


def answer(case: Case, steps: int = 12) -> Report:
    """Run preflight on a case."""
    trainer = case.make(case.shape, case.seed)  # type: ignore[operator]
    return preflight(trainer, steps=steps, seconds=60.0)


def first_cause(report: Report) -> str:
    """The cause named first; `nothing`."""
    return report.findings[0].cause if report.findings else "nothing"


def alarms(report: Report) -> tuple[str, ...]:
    """What a healthy trainer must not get: errors and warnings."""
    return tuple(
        finding.cause for finding in report.findings if finding.severity is not Severity.INFO
    )
