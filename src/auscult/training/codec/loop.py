"""The run of a codec's training, and at the end the figures on held-out speech."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from auscult.facts.progress import Progress
from auscult.families.codec.storage import read_tensors
from auscult.training.codec.config import TrainConfig
from auscult.training.codec.trainer import Trainer
from auscult.training.codec.validate import evaluate_codec, reconstruct_samples
from auscult.training.journal import Journal
from auscult.training.loop import RunParts, run_steps
from auscult.training.recordings import Speech
from auscult.training.trainer import RESUME


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
        _validate_codec(trainer, journal)  # the start, which what is reached is judged by
    try:
        parts = RunParts(
            partial(_summarize_books, trainer),
            partial(_validate_codec, trainer, journal),
            _name_progress,
        )
        run_steps(trainer, out, journal, parts, progress)
        return _evaluate_held_out(trainer, journal)
    finally:
        if journal is not None:
            journal.close()


def _name_progress(figures: Mapping[str, float]) -> str:
    return f"{figures.get('snr', 0.0):.1f} dB"


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
