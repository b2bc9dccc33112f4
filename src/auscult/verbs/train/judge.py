"""What is said of a training, whatever was trained: that it can begin, that it was stopped, what it reached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auscult import rules
from auscult.errors import UsageError
from auscult.facts.install import format_install_command
from auscult.facts.progress import Progress
from auscult.finding import Finding, Fix, Severity, Skip
from auscult.report.sections.train import TrainSection
from auscult.rules.training.subject import MIN_JUDGED_STEPS, RecordingsSubject, TrainedSubject
from auscult.runtime.device import DEVICES, require_device
from auscult.verbs.recordings import FlawedChoice, check_recordings
from auscult.verdict import Report, Verdict

if TYPE_CHECKING:
    from auscult.training.loop import TrainingStoppedError


def judge_training(data: str, subject: TrainedSubject, facts: dict[str, Any]) -> Report:
    """The report on a run that came to its end.

    Args:
        data: What it was trained on.
        facts: For the report's section.
    """
    findings, skips = rules.run_rules(subject, "training")
    if not subject.is_judged:
        reason = (
            f"{subject.steps:,} steps are too few to say; {MIN_JUDGED_STEPS} or more are judged"
        )
        skips = (*skips, Skip("what the training reached", reason))
    has_errors = any(finding.severity is Severity.ERROR for finding in findings)
    return Report(
        "train",
        (data,),
        Verdict.DIVERGENT if has_errors else Verdict.PASS,
        findings=findings,
        skips=skips,
        section=TrainSection(facts),
    )


def report_stop(
    data: str, steps: int, stop: TrainingStoppedError, files: Mapping[str, Any]
) -> Report:
    """The report on a run that was stopped because it cannot succeed.

    Args:
        steps: Of the whole run, as it was planned.
        files: What `describe_files` says.
    """
    diagnosis = stop.diagnosis
    code = next(rule.code for rule in rules.every_rule("training") if rule.name == diagnosis.cause)
    finding = Finding(
        code,
        diagnosis.cause,
        Severity.ERROR,
        (f"step {stop.step}",),
        f"stopped at step {stop.step:,} of {steps:,}: {diagnosis.message}",
        fix=Fix("guess", diagnosis.advice),
        rank=5,
    )
    facts = {"steps": stop.step, "planned_steps": steps, **files}
    return Report(
        "train",
        (data,),
        Verdict.DIVERGENT,
        findings=(finding,),
        section=TrainSection(facts),
    )


def describe_files(out: Path, release: str) -> dict[str, Any]:
    """Where checkpoint and log are, and the learning curve that the log holds."""
    from auscult.training.journal import LOG_NAME, read_curve

    return {"file": str(out / release), "log": str(out / LOG_NAME), "curve": read_curve(out)}


def describe_data(data_check: RecordingsSubject | None) -> dict[str, Any]:
    """What was found in the recordings, for the report; nothing where they were not looked at."""
    return data_check.to_json() if data_check else {}


def require_packages(settings: Mapping[str, Any]) -> None:
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


def check_data(
    source: str, resume: Path, flawed: FlawedChoice, progress: Progress | None
) -> RecordingsSubject | None:
    """The recordings, looked at once: not for made speech, a run that goes on, or by a helping process."""
    is_helper = int(os.environ.get("RANK", "0")) > 0
    if is_helper or resume.exists() or not Path(source).is_dir():
        return None
    return check_recordings(source, flawed=flawed, progress=progress)
