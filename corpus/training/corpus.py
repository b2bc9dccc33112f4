"""Every plant on every shape, and the healthy trainers; judged by what preflight names first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auscult import plugins
from auscult.finding import Severity
from auscult.verbs.preflight import preflight
from auscult.verdict import Report
from corpus.training.trainers import SHAPES, Knobs, Shape, Trainer, build_trainer

HEALTHY = {
    "plain": lambda shape, seed: build_trainer(Knobs(shape, seed)),
    "slower": lambda shape, seed: build_trainer(Knobs(shape, seed, rate=2e-4)),
    "no tanh": lambda shape, seed: build_trainer(Knobs(shape, seed, tanh=False)),
    "tanh": lambda shape, seed: build_trainer(Knobs(shape, seed, tanh=True)),
    "dropped books": lambda shape, seed: build_trainer(Knobs(shape, seed, dropout=0.5)),
    "honest claims": lambda shape, seed: {
        **build_trainer(Knobs(shape, seed)),
        "claims": {"snr_db": 8.9, "rms_ratio": 0.93, "correlation": 0.935},
    },
    "own step": lambda shape, seed: add_step_loop(build_trainer(Knobs(shape, seed))),
}
"""Variants that must be left alone."""


@dataclass(frozen=True)
class TrainingCase:
    """One trainer: the cause planted in it, or None."""

    cause: str | None
    variant: str
    shape: Shape
    seed: int
    make: object

    @property
    def label(self) -> str:
        return f"{self.cause or 'healthy'}/{self.variant}/{self.shape}/{self.seed}"


def add_step_loop(trainer: Trainer) -> Trainer:
    """The trainer with a loop of its own."""
    model, loss, batch, optimizer = (
        trainer["model"],
        trainer["loss"],
        trainer["batch"],
        trainer["optimizers"],
    )

    def step(inputs: object) -> dict[str, float]:
        terms = loss(model(inputs[0] if isinstance(inputs, tuple) else inputs), batch)
        total = sum(terms.values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        return {
            "total": float(total.detach()),
            **{name: float(value.detach()) for name, value in terms.items()},
        }

    return {**trainer, "step": step}


def iter_planted_cases(seeds: int) -> Iterator[TrainingCase]:
    """Every cause, variant, shape and seed."""
    for module in plugins.import_modules("corpus.training.plants"):
        for variant, (shapes, make) in module.VARIANTS.items():
            for shape in shapes:
                for seed in range(seeds):
                    yield TrainingCase(module.CAUSE, variant, shape, seed, make)


def iter_healthy_cases(seeds: int) -> Iterator[TrainingCase]:
    """Every healthy variant, shape and seed."""
    for variant, make in HEALTHY.items():
        for shape in SHAPES:
            for seed in range(seeds):
                yield TrainingCase(None, variant, shape, seed, make)


def run_preflight(case: TrainingCase, steps: int = 12) -> Report:
    """Run preflight on a case."""
    trainer = case.make(case.shape, case.seed)  # type: ignore[operator]
    return preflight(trainer, steps=steps, seconds=60.0)


def find_first_cause(report: Report) -> str:
    """The cause named first; `nothing`."""
    return report.findings[0].cause if report.findings else "nothing"


def find_alarms(report: Report) -> tuple[str, ...]:
    """What a healthy trainer must not get: errors and warnings."""
    return tuple(
        finding.cause for finding in report.findings if finding.severity is not Severity.INFO
    )
