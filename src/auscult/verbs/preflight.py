"""`preflight`: will this training fail? A few instrumented steps, before it is paid for."""

from __future__ import annotations

from collections.abc import Mapping
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
from auscult.rules.training.subject import PreflightSubject
from auscult.runtime.device import DeviceName, require_device, use_default_device
from auscult.verdict import Coverage, Report, Verdict


def preflight(
    trainer: Any = None,
    *,
    log: str | Path | None = None,
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
    if trainer is None and log is None:
        raise UsageError(
            "needs a trainer or a log",
            hint="auscult preflight package.module:callable, or --log train.log",
        )
    if steps < 3:
        raise UsageError("needs at least three steps", expected="3 or more", found=steps)
    subjects = tuple(
        str(subject)
        for subject in (_name_trainer(trainer) if trainer is not None else None, log)
        if subject is not None
    )
    measured = TrainingMeasurements(subjects[0])
    if trainer is not None:
        options = PreflightOptions(
            subjects[0], steps, seconds, sample_rate, bitrate, dict(claims or {})
        )
        measured = _measure_trainer(trainer, kwargs or {}, options, device, progress)
    if log is not None:
        from dataclasses import replace

        training_log = read_log(log)
        claims_of_all = (*measured.claims, *training_log.claims)
        measured = replace(measured, claims=claims_of_all, log=training_log.series)
    return build_report(measured, subjects)


def build_report(measured: TrainingMeasurements, subjects: tuple[str, ...]) -> Report:
    """The report on what was measured."""
    findings, skips = rules.run_rules(PreflightSubject(measured), "training")
    has_errors = any(finding.severity is Severity.ERROR for finding in findings)
    skips = (*skips, *(Skip(skipped_part, reason) for skipped_part, reason in measured.skipped))
    coverage = None
    if measured.parameters is not None:
        parameters = measured.parameters
        troubled_count = (
            len(parameters.no_gradient)
            + len(parameters.not_optimized)
            + len(parameters.not_required)
            + len(parameters.not_moving)
        )
        coverage = Coverage(
            "parameters",
            {"learning": parameters.total - troubled_count, "not_learning": troubled_count},
        )
    verdict = Verdict.DIVERGENT if has_errors else Verdict.PASS
    return Report(
        "preflight",
        subjects,
        verdict,
        coverage,
        findings,
        skips,
        section=PreflightSection(measured.to_json()),
    )


def _measure_trainer(
    trainer: Any,
    kwargs: Mapping[str, Any],
    options: PreflightOptions,
    device: DeviceName | None,
    progress: Progress | None,
) -> TrainingMeasurements:
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
            trainer = call_target(trainer, kwargs)
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
