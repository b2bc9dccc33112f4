"""What every run does: steps, the log, the monitor's looks, validation and checkpoints.

What differs between models (the step, the figures) comes from a trainer and `RunParts`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from auscult.errors import AuscultError
from auscult.facts.progress import Progress
from auscult.training.journal import Journal
from auscult.training.monitor import Diagnosis, Monitor, MonitorReading
from auscult.training.steps import RateConfig, find_learning_rate

MAX_BAD_STEPS = 20  # in a row, without a finite gradient
MAX_FAILED_SAVES = 3  # in a row: what is computed would be lost
LOG_EVERY = 50  # steps


class TrainingError(AuscultError):
    """A run that cannot go on."""


class TrainingStoppedError(TrainingError):
    """A run that was stopped because it cannot succeed; `diagnosis` says why."""

    def __init__(self, diagnosis: Diagnosis, step: int) -> None:
        super().__init__(
            f"{diagnosis.cause}: {diagnosis.message}", where=f"step {step}", hint=diagnosis.advice
        )
        self.diagnosis, self.step = diagnosis, step


class RunConfig(RateConfig, Protocol):
    """What the run has to know of a training's config, in steps."""

    @property
    def evaluate_every(self) -> int: ...
    @property
    def save_every(self) -> int: ...
    @property
    def watch_every(self) -> int: ...


class RunTrainer(Protocol):
    """The state of a run, and its steps.

    Attributes:
        step: How many were made.
        bad_steps: Of these, how many of the last in a row had no finite gradient.
    """

    step: int
    bad_steps: int

    @property
    def config(self) -> RunConfig: ...
    @property
    def accelerator(self) -> Any: ...
    @property
    def monitor(self) -> Monitor: ...

    def train_step(self) -> dict[str, float]:
        """One update; the loss terms and a few figures by name."""

    def look(self) -> MonitorReading:
        """What the monitor sees on the next step's segments."""

    def save(self, out: Path, **about: Any) -> bool:
        """Write the checkpoints; False if the disk did not take them."""


@dataclass(frozen=True)
class RunParts:
    """What a model adds to the run.

    Attributes:
        summarize: Further figures for a line of the log.
        validate: Figures on the validation recordings, written to the log; by the first process.
        name_progress: Words for the progress bar, from the last step's figures.
    """

    summarize: Callable[[], Mapping[str, Any]]
    validate: Callable[[], dict[str, Any]]
    name_progress: Callable[[Mapping[str, float]], str]


def run_steps(
    trainer: RunTrainer,
    out: Path,
    journal: Journal | None,
    parts: RunParts,
    progress: Progress | None = None,
) -> None:
    """Train to the last step of the config.

    Args:
        journal: None in helping processes.

    Raises:
        TrainingError: If the run cannot go on; the diagnosis says why.
    """
    config = trainer.config
    tally, failed_saves, figures = _TermTally(), 0, dict[str, Any]()
    while trainer.step < config.steps:
        tally.add(trainer.train_step())
        step, is_last = trainer.step, trainer.step == config.steps
        _check_gradients(trainer)
        if journal is not None and (step % LOG_EVERY == 0 or is_last):
            rate = find_learning_rate(step, config)
            journal.line({"step": step, **tally.means(), "rate": rate, **parts.summarize()})
        if config.watch_every and step % config.watch_every == 0:
            _watch_training(trainer, journal)
        if step % config.evaluate_every == 0 or is_last:
            figures = parts.validate() if trainer.accelerator.is_main_process else {}
        if step % config.save_every == 0 or is_last:
            failed_saves += 1
            if trainer.save(out, validation=figures):
                failed_saves = 0
            _check_saved(failed_saves, step, out, journal, is_last=is_last)
        if progress is not None:
            progress(step, config.steps, f"step {step}, {parts.name_progress(tally.last)}")


def _check_gradients(trainer: RunTrainer) -> None:
    """Stop where too many steps in a row had no finite gradient."""
    if trainer.bad_steps >= MAX_BAD_STEPS:
        diagnosis = Diagnosis(
            "training-diverged",
            f"{MAX_BAD_STEPS} steps in a row without a finite gradient",
            "lower the learning rate, or train with precision `no`",
        )
        raise TrainingStoppedError(diagnosis, trainer.step)


def _check_saved(
    failed_saves: int, step: int, out: Path, journal: Journal | None, *, is_last: bool
) -> None:
    """Log a checkpoint that could not be saved; stop where too many in a row, or the last, could
    not.
    """
    if failed_saves and journal is not None:
        journal.line({"step": step, "not_saved": failed_saves})
    if failed_saves >= MAX_FAILED_SAVES or (failed_saves and is_last):
        raise TrainingError(
            "cannot save",
            where=str(out),
            hint="make room on the disk, then run the same command again",
        )


class _TermTally:
    """Loss terms since the last line of the log, and the time since the start."""

    def __init__(self) -> None:
        self.sums: dict[str, list[float]] = {}
        self.last: dict[str, float] = {}
        self.started, self.cpu = time.monotonic(), time.process_time()

    def add(self, figures: Mapping[str, float]) -> None:
        self.last = dict(figures)
        for name, value in figures.items():
            self.sums.setdefault(name, []).append(value)

    def means(self) -> dict[str, float]:
        means = {name: sum(values) / len(values) for name, values in self.sums.items()}
        self.sums.clear()
        return {
            **means,
            "wall_s": time.monotonic() - self.started,
            "cpu_s": time.process_time() - self.cpu,
        }


def _watch_training(trainer: RunTrainer, journal: Journal | None) -> None:
    """Log what the monitor sees; stop with its diagnosis.

    Every process looks at its own segments, and the first one decides.
    """
    look = trainer.look()
    verdict = trainer.monitor.verdict(look)
    stop = [verdict]
    if trainer.accelerator.num_processes > 1:
        torch.distributed.broadcast_object_list(stop, 0)
    if journal is not None:
        causes = [f"{diagnosis.cause}: {diagnosis.message}" for diagnosis in look.diagnoses]
        journal.line(
            {
                "step": trainer.step,
                "monitor": look.figures,
                **({"causes": causes} if causes else {}),
            }
        )
    if stop[0] is not None:
        raise TrainingStoppedError(stop[0], trainer.step)
