"""`preflight`: will this training fail? A few instrumented steps, before it is paid for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from auscult import rules
from auscult.errors import TargetError, UsageError
from auscult.facts.install import format_install_command
from auscult.facts.progress import Progress
from auscult.finding import Severity, Skip
from auscult.preflight_checks.log import read_log
from auscult.preflight_checks.options import PreflightOptions
from auscult.preflight_checks.records import TrainingMeasurements
from auscult.report.sections.preflight import PreflightSection
from auscult.rules.training.subject import PreflightSubject, RecordingsSubject
from auscult.runtime.device import DeviceName, require_device, use_default_device
from auscult.verdict import Coverage, Report, Verdict

MAX_HEARD = 100
"""Recordings of a trainer's own folder that are listened to. Chosen, not measured."""


def preflight(
    trainer: Any = None,
    *,
    log: str | Path | None = None,
    data: str | Path | None = None,
    held_out: str | Path | None = None,
    kwargs: Mapping[str, Any] | None = None,
    steps: int = 24,
    seconds: float = 110.0,
    sample_rate: int | None = None,
    bitrate: float | None = None,
    claims: Mapping[str, float] | None = None,
    device: DeviceName | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run a few steps of a training with instruments, and say what would go wrong.

    Args:
        trainer: `package.module:callable` or `file.py:callable`, or what such a callable returns: a
            dict of the protocol in `auscult.preflight_checks.adapters.protocol`, a trainer of the
            EnCodec, DAC or HiFi-GAN shape, a codec or a quantizer. Model, optimizers and random
            state are as before afterwards.
        log: A training log (text, JSON lines, CSV, TensorBoard's event files, an MLflow run), whose
            figures are followed and checked against each other; with or without a trainer.
        data: A folder of recordings, each of which is listened to; with or without a trainer. Of the
            folder that a trainer names as its `data`, `MAX_HEARD` are.
        held_out: A folder of recordings that are not trained on: whether some are in `data` too.
        kwargs: Arguments for the callable.
        steps: Steps of the user's own loop on one batch, at most.
        seconds: Time for everything; what does not fit is listed as skipped.
        sample_rate: In Hz, where the trainer does not say it.
        bitrate: Bits a second, instead of the trainer's.
        claims: What is promised, such as `{"snr_db": 35}`.
        device: Where the code of the trainer builds its model; None is where it does by itself.

    Returns:
        DIVERGENT if any finding is an error, else PASS; `section.preflight` has all that was
        measured.

    Raises:
        TargetError: If the code cannot be imported, called or understood, or a step of it fails.
        UsageError: If there is nothing to look at.
    """
    if trainer is None and log is None and data is None:
        raise UsageError(
            "needs a trainer, a log or a folder of recordings",
            hint="auscult preflight package.module:callable, or --log train.log, or --data recordings/",
        )
    if steps < 3:
        raise UsageError("needs at least three steps", expected="3 or more", found=steps)
    subjects = tuple(
        str(subject)
        for subject in (_name_trainer(trainer) if trainer is not None else None, log, data)
        if subject is not None
    )
    measured = TrainingMeasurements(subjects[0])
    if trainer is not None:
        trainer = _call_trainer(trainer, kwargs or {}, device)
        options = PreflightOptions(
            subjects[0], steps, seconds, sample_rate, bitrate, dict(claims or {})
        )
        measured = _measure_trainer(trainer, options, progress)
    if log is not None:
        measured = _add_log(measured, log)
    recordings = _hear_data(trainer, data, held_out, sample_rate, progress)
    return build_report(measured, subjects, recordings)


def _add_log(measured: TrainingMeasurements, log: str | Path) -> TrainingMeasurements:
    training_log = read_log(log)
    claims_of_all = (*measured.claims, *training_log.claims)
    return replace(measured, claims=claims_of_all, log=training_log.series)


def _hear_data(
    trainer: Any,
    data: str | Path | None,
    held_out: str | Path | None,
    sample_rate: int | None,
    progress: Progress | None,
) -> RecordingsSubject | None:
    """What is in the folder that was given, or in the one that the trainer reads; None for neither."""
    from auscult.verbs.recordings import hear_recordings

    if data is not None:
        return hear_recordings(data, held_out=held_out, sample_rate=sample_rate, progress=progress)
    folder = _read_field(trainer, "data")
    if not isinstance(folder, str | Path) or not Path(folder).is_dir():
        return None
    rate = sample_rate or int(_read_field(trainer, "sample_rate") or 0) or None
    return hear_recordings(
        folder, held_out=held_out, sample_rate=rate, most=MAX_HEARD, progress=progress
    )


def _read_field(trainer: Any, name: str) -> Any:
    """What a trainer holds under that name; None where it has nothing."""
    if isinstance(trainer, Mapping):
        return trainer.get(name)
    return getattr(trainer, name, None)


def build_report(
    measured: TrainingMeasurements,
    subjects: tuple[str, ...],
    recordings: RecordingsSubject | None = None,
) -> Report:
    """The report on what was measured, and on the recordings if they were looked at."""
    findings, skips = rules.run_rules(PreflightSubject(measured), "training")
    facts = measured.to_json()
    if recordings is not None:
        of_recordings, _ = rules.run_rules(recordings, "training")
        findings = (*findings, *of_recordings)
        facts["recordings"] = recordings.to_json()
        if recordings.heard < recordings.count:
            reason = (
                f"{recordings.heard} of {recordings.count} were listened to; --data DIR takes all"
            )
            skips = (*skips, Skip("recordings", reason))
    has_errors = any(finding.severity is Severity.ERROR for finding in findings)
    skips = (*skips, *(Skip(skipped_part, reason) for skipped_part, reason in measured.skipped))
    verdict = Verdict.DIVERGENT if has_errors else Verdict.PASS
    return Report(
        "preflight",
        subjects,
        verdict,
        _count_parameters(measured),
        findings,
        skips,
        section=PreflightSection(facts),
    )


def _count_parameters(measured: TrainingMeasurements) -> Coverage | None:
    """How many parameters learn; None where no trainer was measured."""
    parameters = measured.parameters
    if parameters is None:
        return None
    troubled_count = (
        len(parameters.no_gradient)
        + len(parameters.not_optimized)
        + len(parameters.not_required)
        + len(parameters.not_moving)
    )
    return Coverage(
        "parameters",
        {"learning": parameters.total - troubled_count, "not_learning": troubled_count},
    )


def _call_trainer(trainer: Any, kwargs: Mapping[str, Any], device: DeviceName | None) -> Any:
    """What the code that was named returns; anything else as it is."""
    from auscult.checkpoint.target import call_target, is_code

    if device is not None:
        require_device(device)
    if isinstance(trainer, str):
        if not is_code(trainer):
            raise TargetError(
                "names no code",
                where=trainer,
                expected="package.module:callable or path/file.py:callable",
            )
        with use_default_device(device):
            return call_target(trainer, kwargs)
    return trainer


def _measure_trainer(
    trainer: Any, options: PreflightOptions, progress: Progress | None
) -> TrainingMeasurements:
    try:
        from auscult.preflight_checks.run import measure_training
    except ModuleNotFoundError as error:
        raise UsageError(f"needs {error.name}", hint=format_install_command("torch")) from error
    return measure_training(trainer, options, progress)


def _name_trainer(trainer: Any) -> str:
    if isinstance(trainer, str):
        return trainer
    if isinstance(trainer, Mapping):
        model = trainer.get("model")
    else:
        model = getattr(trainer, "model", None)
    return type(trainer if model is None else model).__name__
