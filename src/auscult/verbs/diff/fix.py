"""`diff --fix`: write the source in the target's form, compare the new file again, and keep it only if that verifies.

The source is the candidate and the target the reference: a repaired candidate has the reference's names and layout. Where the
candidate is code and the reference a checkpoint, the checkpoint is written so that the code loads it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from auscult.align.naming import get_fused_name
from auscult.align.records import Match
from auscult.checkpoint import open_checkpoint
from auscult.errors import RecipeError, UsageError
from auscult.facts.atomic import replace_file
from auscult.facts.progress import Progress
from auscult.finding import Finding, Json, Severity, Skip
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.recipe.ops.split_weight_norm import SplitWeightNorm
from auscult.report.sections import find_section
from auscult.report.sections.diff import DiffSection
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.verdict import Equality, Report, Verdict
from auscult.weights import Array, Checkpoint

ERROR_SLACK = 1.01
"""Factor on the error that the alignment measured. Chosen, not measured."""
ROUNDING_ERROR = 2.0**-22
"""Four roundings to float32, on top of the error that the alignment measured: the operation may have run the other way there.
Chosen, not measured."""


def repair_checkpoint(
    subject: DiffSubject, report: Report, destination: Path, progress: Progress | None = None
) -> Report:
    """The report on the repaired file, with what was repaired; or the report as it was, and why nothing was written.

    Raises:
        UsageError: If the destination is one of the inputs or is there already.
        CheckpointError: If the disk refuses.
    """
    _check_destination(destination, subject)
    repairs = _collect_repairs(subject)
    reason = _explain_unfixable(subject, repairs)
    if reason is not None:
        return _report_refusal(report, destination, reason)
    try:
        with replace_file(destination) as unverified_path:
            _write_repaired(subject, repairs, unverified_path, progress)
            second_report = _compare_again(unverified_path, subject, progress)
            unproven_names = _find_unproven_names(
                open_checkpoint(unverified_path), subject, repairs, second_report
            )
            if unproven_names:
                names_text = ", ".join(unproven_names[:3])
                raise RecipeError(
                    f"the result does not verify: {names_text} differ from {subject.target.path}"
                )
    except RecipeError as error:
        return _report_refusal(report, destination, str(error))
    return _report_repair(report, second_report, destination)


def _report_repair(report: Report, second_report: Report, destination: Path) -> Report:
    """The report as the second diff ended, with what the first one found."""
    verdict = second_report.verdict
    if verdict is Verdict.DIVERGENT:
        verdict = Verdict.EQUIVALENT
    return replace(
        report,
        verdict=verdict,
        coverage=second_report.coverage,
        findings=_mark_repaired_findings(report.findings, second_report.findings),
        section=_add_outcome(
            report,
            {
                "written": True,
                "path": str(destination),
                "was": report.verdict.value,
                "repaired": [finding.cause for finding in report.findings],
            },
        ),
    )


def _check_destination(destination: Path, subject: DiffSubject) -> None:
    for side in (subject.reference, subject.candidate):
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


def _collect_repairs(subject: DiffSubject) -> tuple[Match, ...]:
    """Every match as a way from the source (its side a) to the target (its side b).

    With what two rules know beyond the alignment: a lost tie is copied again, a lone g or v goes under its right name.
    """
    repairs = {id(match): subject.repair(match) for match in subject.alignment.matches}
    for place in subject.places.get("tie-lost", ()):
        tied_match = _find_tied_match(subject, place)
        if place.match is not None and tied_match is not None:
            tied_repair = subject.repair(tied_match)
            repairs[id(place.match)] = replace(tied_repair, b=subject.target_names(place.match))
    unplaced, unfilled = subject.alignment.only_in_b, subject.alignment.only_in_a
    if subject.source_role == "reference":
        unplaced, unfilled = unfilled, unplaced
    halves = [
        Match((source,), (target,), (), Equality.EXACT, "neighbours")
        for source in unplaced
        for target in unfilled
        if source != target
        and get_fused_name((source,)) == get_fused_name((target,))
        and _is_equal(subject, source, target)
    ]
    return (*repairs.values(), *halves)


def _find_tied_match(subject: DiffSubject, place: ClaimedPlace) -> Match | None:
    """The equal pair to whose tensor the place's name is tied in the target."""
    if place.match is None:
        return None
    target_name = subject.target_names(place.match)[0]
    partners = {name for group in subject.target.ties if target_name in group for name in group}
    for match in subject.alignment.matches:
        target_names = subject.target_names(match)
        is_equal_pair = match.equality is not Equality.DIFFERENT and len(target_names) == 1
        if is_equal_pair and target_names[0] in partners:
            return match
    return None


def _is_equal(subject: DiffSubject, source_name: str, target_name: str) -> bool:
    source, target = subject.source[source_name], subject.target[target_name]
    return (
        source.shape == target.shape
        and source.dtype == target.dtype
        and np.array_equal(source.numpy(), target.numpy())
    )


def _explain_unfixable(subject: DiffSubject, repairs: tuple[Match, ...]) -> str | None:
    """Why no recipe leads from the source to the target; None if one does."""
    different = [repair for repair in repairs if repair.equality is Equality.DIFFERENT]
    if different:
        return f"{len(different)} pairs differ in their values or shapes, and no operation makes them equal"
    one_way = next((repair for repair in repairs if repair.backward or any(repair.after)), None)
    if one_way is not None:
        return f"{', '.join(one_way.b)} cannot be computed from {', '.join(one_way.a)}: information is gone"
    benign_names = {
        name
        for cause in ("derived-buffer", "redundant", "tie-lost")
        for place in subject.places.get(cause, ())
        for name in place.where
    }
    written_names = {name for repair in repairs for name in repair.b}
    unfilled_names = set(subject.alignment.only_in_a)
    if subject.target_role == "candidate":
        unfilled_names = set(subject.alignment.only_in_b)
    lacking_names = unfilled_names - benign_names - written_names
    if lacking_names:
        return f"{len(lacking_names)} tensors are not in the source: {', '.join(sorted(lacking_names)[:3])}"
    return None


def _write_repaired(
    subject: DiffSubject, repairs: tuple[Match, ...], path: Path, progress: Progress | None
) -> None:
    from auscult.recipe.from_alignment import recipe_from_alignment
    from auscult.recipe.write import write_recipe

    positions = {name: position for position, name in enumerate(subject.source)}
    ordered_repairs = sorted(repairs, key=lambda repair: min(positions[name] for name in repair.a))
    recipe = recipe_from_alignment(
        replace(subject.alignment, matches=tuple(ordered_repairs)), subject.source
    )
    metadata = dict(subject.target.metadata)
    write_recipe(recipe, subject.source, path, metadata=metadata, progress=progress)


def _compare_again(path: Path, subject: DiffSubject, progress: Progress | None) -> Report:
    """The report with the new file in the place of the source."""
    from auscult.verbs.diff.diff import compare_checkpoints

    repaired = open_checkpoint(path)
    if subject.source_role == "reference":
        return compare_checkpoints(repaired, subject.candidate, progress=progress)
    return compare_checkpoints(subject.reference, repaired, progress=progress)


def _find_unproven_names(
    repaired: Checkpoint, subject: DiffSubject, repairs: tuple[Match, ...], second_report: Report
) -> list[str]:
    """Names of the target whose tensors the new file does not hold: empty if the second diff finds all equal.

    An operation that computes (a logarithm, a split weight norm) may miss the target by more than the rounding of one element; it
    is held to the error that the alignment promised, and a weight norm to the weight that it stands for.
    """
    if second_report.verdict in {Verdict.PASS, Verdict.EQUIVALENT}:
        return []
    section = find_section(second_report, DiffSection)
    if section is not None and section.compared == "shapes":
        return [
            name
            for entry in second_report.mapping
            if entry.equality is Equality.DIFFERENT
            for name in (entry.a if subject.target_role == "reference" else entry.b)
        ]
    return [
        name
        for repair in repairs
        if not _is_proven(repaired, subject.target, repair)
        for name in repair.b
    ]


def _is_proven(repaired: Checkpoint, target: Checkpoint, repair: Match) -> bool:
    """Whether the new file holds what the target has, within the error that the alignment promised."""
    repaired_values = [repaired[name].values() for name in repair.b]
    target_values = [target[name].values() for name in repair.b]
    split = next((op for op in repair.ops if isinstance(op, SplitWeightNorm)), None)
    if split is not None:
        fuse = FuseWeightNorm(split.dim)
        repaired_values, target_values = fuse.apply(repaired_values), fuse.apply(target_values)
    error = repair.error * ERROR_SLACK + ROUNDING_ERROR
    if repair.equality is Equality.EXACT and all(op.lossless for op in repair.ops):
        error = 0.0
    return all(
        _is_within_error(values, expected, error)
        for values, expected in zip(repaired_values, target_values, strict=True)
    )


def _is_within_error(values: Array, expected: Array, error: float) -> bool:
    """Whether the relative error is no larger."""
    if values.shape != expected.shape:
        return False
    if error == 0:
        return bool(np.array_equal(values, expected, equal_nan=values.dtype.kind in "fc"))
    values, expected = values.astype(np.float64), expected.astype(np.float64)
    distance, norm = np.linalg.norm(values - expected), np.linalg.norm(expected)
    return float(distance) <= error * max(float(norm), 1e-30)


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


def _add_outcome(report: Report, fixed: Json) -> DiffSection | None:
    """The section of the report, with what became of the repair."""
    section = find_section(report, DiffSection)
    return None if section is None else replace(section, fixed=fixed)


def _report_refusal(report: Report, destination: Path, reason: str) -> Report:
    return replace(
        report,
        skips=(*report.skips, Skip(f"--fix {destination}", f"not written: {reason}")),
        section=_add_outcome(report, {"written": False, "reason": reason}),
    )
