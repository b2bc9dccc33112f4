"""`diff --fix`: write side a in side b's form, compare the new file with b, and keep it only if that verifies."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from auscult.align.naming import get_fused_name
from auscult.align.records import Match
from auscult.checkpoint import open_checkpoint
from auscult.errors import RecipeError, UsageError
from auscult.finding import Finding, Severity, Skip
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.recipe.ops.split_weight_norm import SplitWeightNorm
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.verdict import Equality, Report, Verdict
from auscult.weights import Array, Checkpoint

Progress = Callable[[int, int, str], None]
ERROR_SLACK = 1.01
ROUNDING_ERROR = 2.0**-22
"""Four roundings to float32, on top of the error that the alignment measured: the operation may have run the other way there."""


def repair_checkpoint(
    subject: DiffSubject, report: Report, destination: Path, progress: Progress | None = None
) -> Report:
    """The report on the repaired file, with what was repaired; or the report as it was, and why nothing was written.

    Raises:
        UsageError: If the destination is one of the inputs or is there already.
        CheckpointError: If the disk refuses.
    """
    _check_destination(destination, subject)
    matches = _collect_usable_matches(subject)
    reason = _explain_unfixable(subject, matches)
    if reason is not None:
        return _report_refusal(report, destination, reason)
    unverified_path = destination.with_name(
        f".{destination.stem}.unverified.{os.getpid()}{destination.suffix}"
    )
    try:
        try:
            _write_repaired(subject, matches, unverified_path, progress)
        except RecipeError as error:
            return _report_refusal(report, destination, str(error))
        second_report = _compare_again(unverified_path, subject, progress)
        unproven_names = _find_unproven_names(
            open_checkpoint(unverified_path), subject.b, matches, second_report
        )
        if unproven_names:
            return _report_refusal(
                report,
                destination,
                f"the result does not verify: {', '.join(unproven_names[:3])} differ from {subject.b.path}",
            )
        os.replace(unverified_path, destination)
    finally:
        unverified_path.unlink(missing_ok=True)
    if second_report.verdict is Verdict.DIVERGENT:
        verdict = Verdict.EQUIVALENT
    else:
        verdict = second_report.verdict
    return replace(
        report,
        verdict=verdict,
        coverage=second_report.coverage,
        findings=_mark_repaired_findings(report.findings, second_report.findings),
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
            raise UsageError(
                "the repaired file would replace an input",
                where=str(destination),
                hint="give a new path",
            )
    if destination.exists():
        raise UsageError(
            "is there already", where=str(destination), hint="give a new path, or remove it first"
        )


def _collect_usable_matches(subject: DiffSubject) -> tuple[Match, ...]:
    """The matches, with what two rules know beyond them: a lost tie is copied again, a lone g or v goes under its right name."""
    matches = list(subject.alignment.matches)
    for place in subject.places.get("tie-lost", ()):
        source = _find_tied_source(subject, place)
        if place.match is not None and source is not None:
            matches = [match for match in matches if match is not place.match]
            matches.append(
                replace(place.match, a=source.a, ops=source.ops, equality=source.equality)
            )
    for surplus in subject.alignment.only_in_a:
        for absent in subject.alignment.only_in_b:
            if (
                surplus != absent
                and get_fused_name((surplus,)) == get_fused_name((absent,))
                and _is_equal(subject, surplus, absent)
            ):
                matches.append(Match((surplus,), (absent,), (), Equality.EXACT, "neighbours"))
    return tuple(matches)


def _find_tied_source(subject: DiffSubject, place: ClaimedPlace) -> Match | None:
    """The equal pair to whose tensor the place's name is tied on side b."""
    if place.match is None:
        return None
    partners = {name for group in subject.b.ties if place.match.b[0] in group for name in group}
    equal = (
        match
        for match in subject.alignment.matches
        if match.equality is not Equality.DIFFERENT and len(match.b) == 1
    )
    return next((match for match in equal if match.b[0] in partners), None)


def _is_equal(subject: DiffSubject, a: str, b: str) -> bool:
    tensor_a, tensor_b = subject.a[a], subject.b[b]
    return (
        tensor_a.shape == tensor_b.shape
        and tensor_a.dtype == tensor_b.dtype
        and np.array_equal(tensor_a.numpy(), tensor_b.numpy())
    )


def _explain_unfixable(subject: DiffSubject, matches: tuple[Match, ...]) -> str | None:
    """Why no recipe leads from a to b; None if one does."""
    different = [match for match in matches if match.equality is Equality.DIFFERENT]
    if different:
        return f"{len(different)} pairs differ in their values or shapes, and no operation makes them equal"
    one_way_matches = [match for match in matches if match.backward or any(match.after)]
    if one_way_matches:
        return f"{', '.join(one_way_matches[0].b)} cannot be computed from {', '.join(one_way_matches[0].a)}: information is gone"
    benign_names = {
        name
        for cause in ("derived-buffer", "tie-lost")
        for place in subject.places.get(cause, ())
        for name in place.where
    }
    lacking_names = (
        set(subject.alignment.only_in_b)
        - benign_names
        - {name for match in matches for name in match.b}
    )
    if lacking_names:
        return f"{len(lacking_names)} tensors are not in the source: {', '.join(sorted(lacking_names)[:3])}"
    return None


def _write_repaired(
    subject: DiffSubject, matches: tuple[Match, ...], path: Path, progress: Progress | None
) -> None:
    from auscult.recipe.from_alignment import recipe_from_alignment
    from auscult.recipe.write import write_recipe

    recipe = recipe_from_alignment(replace(subject.alignment, matches=matches), subject.a)
    write_recipe(recipe, subject.a, path, metadata=dict(subject.b.metadata), progress=progress)


def _compare_again(path: Path, subject: DiffSubject, progress: Progress | None) -> Report:
    from auscult.verbs.diff.diff import compare_checkpoints

    return compare_checkpoints(open_checkpoint(path), subject.b, progress=progress)


def _find_unproven_names(
    repaired: Checkpoint, b: Checkpoint, matches: tuple[Match, ...], second_report: Report
) -> list[str]:
    """Names of b whose tensors the new file does not hold: empty if the second diff finds all equal.

    An operation that computes (a logarithm, a split weight norm) may miss b by more than the rounding of one element; it is held
    to the error that the alignment promised, and a weight norm to the weight that it stands for.
    """
    if second_report.verdict in {Verdict.PASS, Verdict.EQUIVALENT}:
        return []
    if second_report.extra.get("compared") == "shapes":
        return [
            name
            for entry in second_report.mapping
            if entry.equality is Equality.DIFFERENT
            for name in entry.b
        ]
    unproven_names: list[str] = []
    for match in matches:
        split = next((op for op in match.ops if isinstance(op, SplitWeightNorm)), None)
        candidate_values, reference_values = (
            [side[name].values() for name in match.b] for side in (repaired, b)
        )
        if split is not None:
            fuse = FuseWeightNorm(split.dim)
            candidate_values, reference_values = (
                fuse.apply(candidate_values),
                fuse.apply(reference_values),
            )
        exact = match.equality is Equality.EXACT and all(op.lossless for op in match.ops)
        if any(
            not _is_within_error(x, y, 0.0 if exact else match.error * ERROR_SLACK + ROUNDING_ERROR)
            for x, y in zip(candidate_values, reference_values, strict=True)
        ):
            unproven_names.extend(match.b)
    return unproven_names


def _is_within_error(candidate: Array, reference: Array, error: float) -> bool:
    """Whether the relative error is no larger."""
    if candidate.shape != reference.shape:
        return False
    if error == 0:
        return bool(np.array_equal(candidate, reference, equal_nan=candidate.dtype.kind in "fc"))
    wide, target = candidate.astype(np.float64), reference.astype(np.float64)
    return float(np.linalg.norm(wide - target)) <= error * max(float(np.linalg.norm(target)), 1e-30)


def _mark_repaired_findings(
    before: tuple[Finding, ...], after: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    """What was found, as information where the new file no longer shows it."""
    remaining = {finding.cause for finding in after}
    return tuple(
        finding
        if finding.severity is Severity.INFO
        or (finding.cause in remaining and not (finding.fix and finding.fix.recipe))
        else replace(finding, severity=Severity.INFO, message=f"repaired: {finding.message}")
        for finding in before
    )


def _report_refusal(report: Report, destination: Path, reason: str) -> Report:
    return replace(
        report,
        skips=(*report.skips, Skip(f"--fix {destination}", f"not written: {reason}")),
        extra={**report.extra, "fixed": {"written": False, "reason": reason}},
    )
