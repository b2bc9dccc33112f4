"""The run of a training: steps, the log, the monitor, validation, checkpoints, and at the end the
figures on held-out speech.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from auscult.errors import AuscultError
from auscult.facts.progress import Progress
from auscult.families.codec.storage import read_tensors
from auscult.training.codec.config import TrainConfig
from auscult.training.codec.journal import Journal
from auscult.training.codec.monitor import Diagnosis
from auscult.training.codec.speech import Speech
from auscult.training.codec.trainer import RESUME, Trainer, find_learning_rate
from auscult.training.codec.validate import evaluate_codec, reconstruct_samples

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


def train(
    config: TrainConfig, speech: Speech, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Train, or go on with the run that is in `config.out`, to the last step; the figures on
    held-out speech.

    Raises:
        TrainingError: If the run cannot go on; the diagnosis says why.
    """
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, speech)
    if (out / RESUME).exists():
        trainer.restore(*read_tensors(out / RESUME))
    else:
        trainer.place_codebooks()
    is_main = trainer.accelerator.is_main_process
    journal = Journal(out, step=trainer.step) if is_main else None
    if journal is not None and trainer.step == 0:
        parameters = sum(value.numel() for value in trainer.codec.parameters())
        journal.line(
            {"config": config.to_dict(), "parameters": parameters, "seconds": speech.seconds}
        )
    if journal is not None and trainer.step == 0:
        _validate_codec(trainer, journal)  # the start, which what is reached is judged by
    try:
        _run_steps(trainer, out, journal, progress)
        return _evaluate_held_out(trainer, journal)
    finally:
        if journal is not None:
            journal.close()


def _run_steps(
    trainer: Trainer, out: Path, journal: Journal | None, progress: Progress | None
) -> None:
    config = trainer.config
    tally, failed_saves, figures = _TermTally(), 0, dict[str, Any]()
    while trainer.step < config.steps:
        tally.add(trainer.train_step())
        step, is_last = trainer.step, trainer.step == config.steps
        if trainer.bad_steps >= MAX_BAD_STEPS:
            raise TrainingStoppedError(
                Diagnosis(
                    "training-diverged",
                    f"{MAX_BAD_STEPS} steps in a row without a finite gradient",
                    "lower the learning rate, or train with precision `no`",
                ),
                step,
            )
        if journal is not None and (step % LOG_EVERY == 0 or is_last):
            rate = find_learning_rate(step, config)
            journal.line({"step": step, **tally.means(), "rate": rate, **_summarize_books(trainer)})
        if config.watch_every and step % config.watch_every == 0:
            _watch_training(trainer, journal)
        if step % config.evaluate_every == 0 or is_last:
            figures = {}
            if trainer.accelerator.is_main_process:
                figures = _validate_codec(trainer, journal)
        if step % config.save_every == 0 or is_last:
            failed_saves += 1
            if trainer.save(out, validation=figures):
                failed_saves = 0
            _check_saved(failed_saves, step, out, journal, is_last=is_last)
        if progress is not None:
            progress(step, config.steps, f"step {step}, {tally.last.get('snr', 0.0):.1f} dB")


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


def _summarize_books(trainer: Trainer) -> dict[str, Any]:
    shares = trainer.books.perplexity()
    return {
        "perplexity_min": min(shares),
        "perplexity_mean": sum(shares) / len(shares),
        "revived": trainer.books.replaced,
    }


def _evaluate_held_out(trainer: Trainer, journal: Journal | None) -> dict[str, Any]:
    """The figures on held-out speech, by the first process."""
    if journal is None:
        return {}
    figures = evaluate_codec(trainer.codec, trainer.speech.held_out)
    journal.line({"step": trainer.step, "held_out": figures})
    return figures


def _validate_codec(trainer: Trainer, journal: Journal | None) -> dict[str, Any]:
    figures = evaluate_codec(trainer.codec, trainer.speech.validation)
    if journal is not None:
        journal.line({"step": trainer.step, "validation": figures})
        name, samples = trainer.speech.validation[0]
        rate = trainer.config.codec.sample_rate
        if trainer.step == trainer.config.evaluate_every:
            journal.sound(f"{name}, original", samples, rate, trainer.step)
        journal.sound(name, reconstruct_samples(trainer.codec, samples), rate, trainer.step)
    return figures


def _watch_training(trainer: Trainer, journal: Journal | None) -> None:
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
