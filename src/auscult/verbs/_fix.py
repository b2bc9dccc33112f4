"""`diff --fix`: write side a in side b's form, compare the new file with b, and keep it only if that verifies."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from auscult.align.records import Match
from auscult.errors import RecipeError, UsageError
from auscult.finding import Finding, Severity, Skip
from auscult.rules.subject import DiffSubject
from auscult.verdict import Equality, Report, Verdict
from auscult.weights import Checkpoint

Progress = Callable[[int, int, str], None]


def fixed(subject: DiffSubject, report: Report, destination: Path, progress: Progress | None = None) -> Report:
    """The report on the repaired file, with what was repaired; or the report as it was, and why nothing was written.

    Raises:
        UsageError: If the destination is one of the inputs or is there already.
        CheckpointError: If the disk refuses.
    """
    _check_destination(destination, subject)
    reason = _unfixable(subject)
    if reason is not None:
        return _refused(report, destination, reason)
    unverified = destination.with_name(f".{destination.stem}.unverified.{os.getpid()}{destination.suffix}")
    try:
        try:
            _write(subject, unverified, progress)
        except RecipeError as error:
            return _refused(report, destination, str(error))
        again = _again(unverified, subject, progress)
        if not _verified(again):
            return _refused(report, destination, f"the result does not verify: {again.verdict.value} against {subject.b.path}")
        os.replace(unverified, destination)
    finally:
        unverified.unlink(missing_ok=True)
    return replace(
        report,
        verdict=again.verdict,
        coverage=again.coverage,
        findings=(*map(_as_repaired, report.findings), *again.findings),
        extra={
            **report.extra,
            "fixed": {
                "written": True,
                "path": str(destination),
                "was": report.verdict.value,
                "repaired": [finding.cause for finding in report.findings],
            },
        },
    )


def _check_destination(destination: Path, subject: DiffSubject) -> None:
    for side in (subject.a, subject.b):
        if destination.exists() and Path(side.path).exists() and destination.samefile(side.path):
            raise UsageError("the repaired file would replace an input", where=str(destination), hint="give a new path")
    if destination.exists():
        raise UsageError("is there already", where=str(destination), hint="give a new path, or remove it first")


def _unfixable(subject: DiffSubject) -> str | None:
    """Why no recipe leads from a to b; None if one does."""
    different = [match for match in subject.alignment.matches if match.equality is Equality.DIFFERENT]
    if different:
        return f"{len(different)} pairs differ in their values or shapes, and no operation makes them equal"
    oneway = [match for match in subject.alignment.matches if not _forward(match)]
    if oneway:
        return f"{', '.join(oneway[0].b)} cannot be computed from {', '.join(oneway[0].a)}: information is gone"
    lacking = set(subject.alignment.only_in_b) - {
        name for cause in ("derived-buffer", "tie-lost") for place in subject.places.get(cause, ()) for name in place.where
    }
    if lacking:
        return f"{len(lacking)} tensors are not in the source"
    return None


def _forward(match: Match) -> bool:
    return not match.backward and not any(match.after)


def _write(subject: DiffSubject, path: Path, progress: Progress | None) -> None:
    from auscult.recipe.from_alignment import recipe_from_alignment
    from auscult.recipe.write import write_recipe

    recipe = recipe_from_alignment(subject.alignment, subject.a)
    write_recipe(recipe, subject.a, path, metadata=dict(subject.b.metadata), progress=progress)


def _again(path: Path, subject: DiffSubject, progress: Progress | None) -> Report:
    from auscult.checkpoint import open_checkpoint
    from auscult.verbs.diff import compare

    written: Checkpoint = open_checkpoint(path)
    return compare(written, subject.b, progress=progress)


def _verified(report: Report) -> bool:
    """Equal; or, against code with fresh weights, a fit of every tensor."""
    if report.verdict in {Verdict.PASS, Verdict.EQUIVALENT}:
        return True
    return report.verdict is Verdict.INCONCLUSIVE and report.extra.get("compared") == "shapes"


def _as_repaired(finding: Finding) -> Finding:
    return replace(finding, severity=Severity.INFO, message=f"repaired: {finding.message}")


def _refused(report: Report, destination: Path, reason: str) -> Report:
    return replace(
        report,
        skips=(*report.skips, Skip(f"--fix {destination}", f"not written: {reason}")),
        extra={**report.extra, "fixed": {"written": False, "reason": reason}},
    )
