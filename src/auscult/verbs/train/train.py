"""`train`: a codec from a folder of recordings, or the study of amplitude."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auscult.errors import UsageError
from auscult.facts.atomic import replace_file
from auscult.facts.progress import Progress
from auscult.report.sections.train import StudySection
from auscult.rules.training.subject import TrainedSubject
from auscult.verbs.recordings import FlawedChoice
from auscult.verbs.train.judge import (
    check_data,
    describe_data,
    describe_files,
    judge_training,
    report_stop,
    require_packages,
)
from auscult.verdict import Report, Verdict

if TYPE_CHECKING:
    from auscult.training.codec.config import TrainConfig

MODELS = ("codec",)
STUDIES = ("amplitude",)


def train_model(
    model: str = "codec",
    *,
    settings: Mapping[str, Any] | None = None,
    flawed: FlawedChoice = "stop",
    progress: Progress | None = None,
) -> Report:
    """Train a model, or go on with the training that is in its folder.

    Args:
        settings: Fields of `auscult.training.codec.config.TrainConfig`; `codec` holds those of the
            codec's own config.
        flawed: What to do where recordings of the folder are flawed (silent, clipped, unreadable...):
            raise, leave them out, or use them. A run that goes on is not looked at again.

    Returns:
        DIVERGENT if what the training reached is no working model, or if it was stopped because it
        cannot succeed, else PASS; `training` has the figures on held-out recordings, the learning
        curve, the bound at this bit rate, and the files.

    Raises:
        UsageError: If there is no such model or setting, too little or nothing but silence to train
            on, or if recordings are flawed and `flawed` is `stop`; or a package or the device is
            missing.
        TrainingError: If checkpoints cannot be saved.
    """
    _require_trainable(model, settings or {})
    from auscult.preflight_checks.measures.bound import bound
    from auscult.training.codec.config import TrainConfig
    from auscult.training.codec.loop import train as train_codec
    from auscult.training.codec.speech import read_speech
    from auscult.training.loop import TrainingStoppedError
    from auscult.training.recordings import require_sound
    from auscult.training.trainer import RESUME

    config = TrainConfig.from_dict(settings or {})
    codec = config.codec
    data_check = check_data(config.data, Path(config.out) / RESUME, flawed, progress)
    left_out = data_check.list_unwanted() if data_check and flawed == "skip" else frozenset()
    speech = read_speech(
        config.data,
        codec.sample_rate,
        codec.level,
        minutes=config.minutes,
        seed=config.seed,
        left_out=left_out,
    )
    require_sound(speech, config.data)
    try:
        figures = train_codec(config, speech, progress=progress)
    except TrainingStoppedError as stop:
        return report_stop(config.data, config.steps, stop, _describe_files(config))
    held_out_samples = [samples for _, samples in speech.held_out]
    bound_db = bound(held_out_samples, codec.sample_rate, codec.bits_per_second)
    facts = {
        "model": model,
        "steps": config.steps,
        "seconds_of_speech": speech.seconds,
        "kbit_per_second": codec.bits_per_second / 1000,
        "bound_db": bound_db,
        "held_out": figures,
        **_describe_files(config),
        **describe_data(data_check),
    }
    return _judge_training(config, facts)


def _judge_training(config: TrainConfig, facts: dict[str, Any]) -> Report:
    """The report on a run that came to its end."""
    subject = TrainedSubject(
        facts["held_out"],
        facts["curve"],
        config.steps,
        config.codec.book_size,
        is_waveform_trained=config.waveform_weight > 0,
    )
    return judge_training(config.data, subject, facts)


def _describe_files(config: TrainConfig) -> dict[str, Any]:
    """Where checkpoint and log are, and the learning curve that the log holds."""
    from auscult.training.codec.trainer import RELEASE

    return describe_files(Path(config.out), RELEASE)


def _require_trainable(model: str, settings: Mapping[str, Any]) -> None:
    """Refuse an unknown model, and a training for which a package or the device is missing."""
    if model not in MODELS:
        raise UsageError("cannot be trained", where=model, hint="choose one of codec, vocoder")
    require_packages(settings)


def write_study(
    name: str,
    output: str | Path,
    *,
    seeds: int = 1,
    steps: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run a study and write its table as Markdown, with the figures in the report under `study`.

    Raises:
        UsageError: If there is no such study.
        AudioError: If espeak-ng is not there to make the material.
    """
    if name not in STUDIES:
        raise UsageError("no such study", where=name, hint=f"choose one of {', '.join(STUDIES)}")
    require_packages({})
    from auscult.training.codec.study import STEPS, render_page, run_study

    table = run_study(seeds=seeds, steps=steps or STEPS, progress=progress)
    path = Path(output)
    with replace_file(path) as partial:
        partial.write_text(render_page(table), encoding="utf-8")
    return Report(
        "train",
        (f"study {name}",),
        Verdict.PASS,
        section=StudySection({"name": name, "file": str(path), **table}),
    )
