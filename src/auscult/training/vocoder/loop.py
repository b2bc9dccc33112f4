"""The run of a vocoder's training, and at the end the figures on held-out speech beside Griffin-Lim's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from auscult.facts.progress import Progress
from auscult.families.codec.storage import read_tensors
from auscult.sound.mel import mel_spectrogram
from auscult.training.journal import Journal
from auscult.training.loop import RunParts, TrainingError, run_steps
from auscult.training.recordings import Speech
from auscult.training.trainer import RESUME
from auscult.training.vocoder.config import VocoderTrainConfig
from auscult.training.vocoder.sizes import build_config
from auscult.training.vocoder.trainer import VocoderTrainer
from auscult.training.vocoder.validate import evaluate_griffin_lim, evaluate_vocoder, render_frames


def train_vocoder(
    config: VocoderTrainConfig, speech: Speech, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Train, or go on with the run that is in `config.out`, to the last step.

    Returns:
        By the first process: `held_out`, the figures on held-out speech; `griffin_lim`, Griffin-Lim's on the same mel.

    Raises:
        TrainingError: If the run cannot go on; the diagnosis says why.
    """
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    trainer = VocoderTrainer(config, speech)
    if (out / RESUME).exists():
        tensors, about = read_tensors(out / RESUME)
        _check_same_run(config, about, out)
        trainer.restore(tensors, about)
    is_main = trainer.accelerator.is_main_process
    journal = Journal(out, step=trainer.step) if is_main else None
    if journal is not None and trainer.step == 0:
        journal.line(_describe_run(trainer))
        _validate(trainer, journal)  # the start, which what is reached is judged by
    try:
        parts = RunParts(dict[str, Any], partial(_validate, trainer, journal), _name_progress)
        run_steps(trainer, out, journal, parts, progress)
        if journal is None:
            return {}
        figures = {
            "held_out": evaluate_vocoder(trainer.generator, speech.held_out, config.mel),
            "griffin_lim": evaluate_griffin_lim(speech.held_out, config.mel),
        }
        journal.line({"step": trainer.step, **figures})
        return figures
    finally:
        if journal is not None:
            journal.close()


def _check_same_run(config: VocoderTrainConfig, about: Mapping[str, Any], out: Path) -> None:
    """Refuse a folder whose run has another network or another mel."""
    stored = VocoderTrainConfig.from_dict(about["training"])
    stored_network = build_config(stored.family, stored.mel, stored.model)
    network = build_config(config.family, config.mel, config.model)
    for expected, found in ((stored.mel, config.mel), (stored_network, network)):
        if expected != found:
            raise TrainingError(
                "holds a run of another network or another mel",
                where=str(out),
                expected=expected,
                found=found,
                hint="name another folder with --out, or give the settings of that run",
            )


def _describe_run(trainer: VocoderTrainer) -> dict[str, Any]:
    return {
        "config": trainer.config.to_dict(),
        "parameters": sum(value.numel() for value in trainer.generator.parameters()),
        "seconds": trainer.speech.seconds,
    }


def _name_progress(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {figures[name]:.2f}" for name in ("mel", "stft") if name in figures)


def _validate(trainer: VocoderTrainer, journal: Journal | None) -> dict[str, float]:
    mel, speech = trainer.config.mel, trainer.speech.validation
    figures = evaluate_vocoder(trainer.generator, speech, mel)
    if journal is not None:
        journal.line({"step": trainer.step, "validation": figures})
        name, samples = speech[0]
        if trainer.step == trainer.config.evaluate_every:
            journal.sound(f"{name}, original", samples, mel.sample_rate, trainer.step)
        output = render_frames(trainer.generator, mel_spectrogram(samples, mel))
        journal.sound(name, output, mel.sample_rate, trainer.step)
    return figures
