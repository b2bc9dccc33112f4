"""`train`: a codec from a folder of recordings, or the study of amplitude."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auscult import rules
from auscult.errors import UsageError
from auscult.facts.atomic import replace_file
from auscult.facts.install import format_install_command
from auscult.facts.progress import Progress
from auscult.finding import Finding, Fix, Severity, Skip
from auscult.report.sections.train import StudySection, TrainSection
from auscult.rules.training.subject import MIN_JUDGED_STEPS, TrainedSubject
from auscult.runtime.device import DEVICES, require_device
from auscult.verbs.train.recordings import FlawedChoice, RecordingsCheck, check_recordings
from auscult.verdict import Report, Verdict

if TYPE_CHECKING:
    from auscult.training.codec.config import TrainConfig
    from auscult.training.codec.loop import TrainingStoppedError

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
    from auscult.training.codec.loop import TrainingStoppedError
    from auscult.training.codec.loop import train as train_codec
    from auscult.training.codec.speech import read_speech, require_sound
    from auscult.training.codec.trainer import RESUME

    config = TrainConfig.from_dict(settings or {})
    codec = config.codec
    data_check = _check_data(config.data, Path(config.out) / RESUME, flawed, progress)
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
        return _report_stop(config, stop)
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
        **_describe_data(data_check),
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
    findings, skips = rules.run_rules(subject, "training")
    if not subject.is_judged:
        reason = f"{config.steps:,} steps are too few to say; {MIN_JUDGED_STEPS} or more are judged"
        skips = (*skips, Skip("what the training reached", reason))
    has_errors = any(finding.severity is Severity.ERROR for finding in findings)
    return Report(
        "train",
        (config.data,),
        Verdict.DIVERGENT if has_errors else Verdict.PASS,
        findings=findings,
        skips=skips,
        section=TrainSection(facts),
    )


def _report_stop(config: TrainConfig, stop: TrainingStoppedError) -> Report:
    """The report on a run that was stopped because it cannot succeed."""
    diagnosis = stop.diagnosis
    code = next(rule.code for rule in rules.every_rule("training") if rule.name == diagnosis.cause)
    finding = Finding(
        code,
        diagnosis.cause,
        Severity.ERROR,
        (f"step {stop.step}",),
        f"stopped at step {stop.step:,} of {config.steps:,}: {diagnosis.message}",
        fix=Fix("guess", diagnosis.advice),
        rank=5,
    )
    facts = {"steps": stop.step, "planned_steps": config.steps, **_describe_files(config)}
    return Report(
        "train",
        (config.data,),
        Verdict.DIVERGENT,
        findings=(finding,),
        section=TrainSection(facts),
    )


def _describe_files(config: TrainConfig) -> dict[str, Any]:
    """Where checkpoint and log are, and the learning curve that the log holds."""
    from auscult.training.codec.journal import LOG_NAME, read_curve
    from auscult.training.codec.trainer import RELEASE

    out = Path(config.out)
    return {"file": str(out / RELEASE), "log": str(out / LOG_NAME), "curve": read_curve(out)}


def _describe_data(data_check: RecordingsCheck | None) -> dict[str, Any]:
    """What was found in the recordings, for the report; nothing where they were not looked at."""
    if data_check is None:
        return {}
    return {
        "recordings": data_check.count,
        "flawed": {path: list(causes) for path, causes in data_check.flawed.items()},
        "copies": list(data_check.copies),
    }


def _require_packages(settings: Mapping[str, Any]) -> None:
    """Say what to install, or that the device is not there, before anything is read.

    Raises:
        UsageError: If torch, accelerate or the device is missing.
    """
    device = settings.get("device", "auto")
    if device == "auto":
        device = None
    elif device not in DEVICES:
        raise UsageError("no such device", found=device, hint=f"choose one of {', '.join(DEVICES)}")
    for package in ("torch", "accelerate"):
        if find_spec(package) is None:
            raise UsageError(
                f"needs {package}, which is not installed", hint=format_install_command("train")
            )
    require_device(device)


def _require_trainable(model: str, settings: Mapping[str, Any]) -> None:
    """Refuse an unknown model, and a training for which a package or the device is missing."""
    if model not in MODELS:
        raise UsageError(
            "cannot be trained", where=model, hint=f"choose one of {', '.join(MODELS)}"
        )
    _require_packages(settings)


def _check_data(
    source: str, resume: Path, flawed: FlawedChoice, progress: Progress | None
) -> RecordingsCheck | None:
    """The recordings, looked at once: not for made speech, a run that goes on, or by a helping process."""
    is_helper = int(os.environ.get("RANK", "0")) > 0
    if is_helper or resume.exists() or not Path(source).is_dir():
        return None
    return check_recordings(source, flawed=flawed, progress=progress)


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
    _require_packages({})
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
