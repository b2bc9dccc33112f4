"""`diff`: are these two the same weights, and if not, what exactly differs and why?"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from auscult.align.records import Match
from auscult.collector import pause_collector
from auscult.errors import CheckpointError
from auscult.facts.progress import Progress
from auscult.finding import Finding, Json, Skip
from auscult.old_names import accept_old_names
from auscult.report.sections.diff import DiffSection
from auscult.report.sections.error import ErrorSection
from auscult.rules import require_known_codes
from auscult.rules.diff.subject import DiffSubject
from auscult.verbs.diff.template import holds_loaded_vectors, is_only_initialised
from auscult.verbs.sides import CheckpointLike, open_side, widen_to_other
from auscult.verdict import Equality, MappingEntry, Report, Verdict
from auscult.weights import Checkpoint

MIN_CONTENT_SHARE = 0.05
"""Share of the weights (matrices and filters) of a file that must be found in code by content; below it the code holds fresh
weights and only names and shapes can be compared. A partly loaded model lies above it, chance below. Chosen, not measured."""


@accept_old_names(a="reference", b="candidate")
def diff(
    reference: CheckpointLike,
    candidate: CheckpointLike,
    *,
    container_a: str | None = None,
    container_b: str | None = None,
    kwargs: Json | None = None,
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    fix: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Hold a candidate's weights against a reference's, and explain every difference.

    Each side is a file or the code of a model. The findings say what the candidate lacks, what it has beside the reference, and
    what it has otherwise. Tensors are matched by content, whatever their names and layouts. If the weights of one side are a
    fresh initialisation of code, names and shapes are compared instead. The verdict is then never better than INCONCLUSIVE,
    because there are no values to compare.

    Args:
        reference: What is right: path, `package.module:callable`, `file.py:callable`, Checkpoint, live torch or MLX module, or a
            list of files. In the report this is side `a`.
        candidate: What is held against it, in the same forms. In the report this is side `b`.
        container_a: Which group of tensors to take from a reference that has several.
        container_b: The same for the candidate.
        kwargs: Arguments for code given as a target.
        select: Beginnings of rule codes: only these findings are shown. The others are in `hidden`, and still count.
        ignore: Beginnings of rule codes that are not shown.
        fix: Write the candidate in the reference's form to this new file, compare that again, and report on it under `fixed`.
            Where the candidate is code and the reference a checkpoint, the checkpoint is written so that the code loads it.
        progress: Called with (done, total, what).

    Returns:
        EQUIVALENT if all is equal after the recipe that is shown, DIVERGENT if anything is not.

    Raises:
        UsageError: If no rule's code begins as `select` or `ignore` says.
        CheckpointError: If a side cannot be read. A file that is cut off gives a report with the verdict ERROR instead.
        RecipeError: If `fix` is asked for and what it would write does not verify.
    """
    require_known_codes((*select, *ignore), "select or ignore")
    checkpoints = []
    with pause_collector():
        for source, container in ((reference, container_a), (candidate, container_b)):
            try:
                checkpoints.append(open_side(source, container=container, kwargs=kwargs))
            except CheckpointError as error:
                finding = _find_truncation(error)
                if finding is None:
                    raise
                names = (_name_side(reference), _name_side(candidate))
                section = ErrorSection({"what": str(error)})
                return Report("diff", names, Verdict.ERROR, findings=(finding,), section=section)
        reference_checkpoint, candidate_checkpoint = checkpoints
        if container_a is None:
            reference_checkpoint = widen_to_other(reference_checkpoint, reference, checkpoints[1])
        if container_b is None:
            candidate_checkpoint = widen_to_other(candidate_checkpoint, candidate, checkpoints[0])
        return compare_checkpoints(
            reference_checkpoint,
            candidate_checkpoint,
            select=select,
            ignore=ignore,
            fix=fix,
            progress=progress,
        )


def compare_checkpoints(
    reference: Checkpoint,
    candidate: Checkpoint,
    *,
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    fix: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Report:
    """`diff` for two checkpoints that are open already."""
    with pause_collector():
        subject = build_subject(reference, candidate, progress)
        report = _build_report(subject)
        if fix is not None:
            from auscult.verbs.diff.fix import repair_checkpoint

            report = repair_checkpoint(subject, report, Path(fix), progress)
    return report.narrowed(select, ignore)


def _build_report(subject: DiffSubject) -> Report:
    from auscult import rules
    from auscult.verbs.diff.decide import decide_verdict
    from auscult.verbs.diff.loading_table import describe_loading
    from auscult.verbs.diff.same_weights import (
        describe_same_weights,
        drop_unshared_findings,
        find_unshared_parts,
    )

    all_findings, rule_skips = rules.run_rules(subject, "diff")
    unshared_parts = find_unshared_parts(subject)
    findings = drop_unshared_findings(all_findings, unshared_parts)
    if subject.compares_shapes:
        compared: Literal["values", "shapes"] = "shapes"
    else:
        compared = "values"
    skips = (
        *subject.alignment.skips,
        *rule_skips,
        *_list_uncompared(subject),
        *unshared_parts.skips,
        *subject.reference.skips,
        *subject.candidate.skips,
    )
    return Report(
        command="diff",
        subjects=(subject.reference.path, subject.candidate.path),
        verdict=decide_verdict(subject, findings),
        coverage=subject.alignment.coverage(),
        findings=tuple(findings),
        skips=tuple(dict.fromkeys(skips)),
        mapping=tuple(build_mapping_entry(match) for match in subject.alignment.matches),
        section=DiffSection(
            compared, **describe_same_weights(subject), **describe_loading(subject)
        ),
    )


def build_subject(
    reference: Checkpoint, candidate: Checkpoint, progress: Progress | None
) -> DiffSubject:
    """Align by content; where one side is code that holds none of the other's, by structure."""
    from auscult.align import align
    from auscult.align.records import WeightAlignment

    blank = DiffSubject(reference, candidate, WeightAlignment((), (), ()))
    if not (reference.is_code or candidate.is_code):
        return replace(blank, alignment=align(reference, candidate, progress=progress))
    choices = _list_free_choices(blank.source)
    if not is_only_initialised(blank.target, blank.source):
        alignment = align(reference, candidate, progress=progress)
        subject = replace(blank, alignment=alignment, choices=choices)
        if measure_content_share(subject) >= MIN_CONTENT_SHARE or holds_loaded_vectors(
            blank.target, blank.source
        ):
            return subject
    from auscult.align.structure import align_structure

    return replace(
        blank,
        alignment=align_structure(reference, candidate),
        compares_shapes=True,
        choices=choices,
    )


def measure_content_share(subject: DiffSubject) -> float:
    """Share of the source's weights with two axes or more that were found in the target by their values."""
    weights = {
        name
        for name, tensor in subject.source.items()
        if sum(side > 1 for side in tensor.shape) >= 2
    }
    if not weights:
        return 1.0
    matched_names = {
        name
        for match in subject.alignment.matches
        if match.equality is not Equality.DIFFERENT
        for name in subject.source_names(match)
    }
    return len(matched_names & weights) / len(weights)


def _list_free_choices(checkpoint: Checkpoint) -> tuple[Any, ...]:
    """What the family of this checkpoint computes without a tensor to show it, as it declares it."""
    from auscult.families import detect_families, import_family

    detection = next(
        iter(detect_families({name: tensor.shape for name, tensor in checkpoint.items()})), None
    )
    if detection is None or detection.score < 1.0 or detection.missing_evidence:
        return ()
    signature = getattr(import_family(detection.family), "signature", None)
    declare = getattr(signature, "choices", None)
    config = getattr(signature, "Config", None)
    if declare is None or config is None:
        return ()
    config_values = {
        key: value
        for key, value in detection.hyperparameters.items()
        if key in config.__dataclass_fields__
    }
    return tuple(declare(config(**config_values)))


def build_mapping_entry(match: Match) -> MappingEntry:
    """A line of the report's mapping, from the reference to the candidate."""
    if match.evidence.get("compared") == "shapes":
        compared: Literal["values", "shapes"] = "shapes"
    else:
        compared = "values"
    return MappingEntry(
        match.a,
        match.b,
        tuple(op.to_json() for op in match.ops),
        match.equality,
        match.number_format,
        compared=compared,
        backward=match.backward and bool(match.ops),
    )


def _list_uncompared(subject: DiffSubject) -> tuple[Skip, ...]:
    if not subject.compares_shapes:
        return ()
    return (
        Skip(
            "values",
            f"{subject.target.path} holds fresh initial weights: names and shapes were compared, the values could not be",
        ),
    )


def _find_truncation(error: CheckpointError) -> Finding | None:
    """A finding for a file whose header promises more bytes than there are; None for any other error."""
    from auscult.rules.diff.checkpoint.ckp010_truncated import finding_from_error

    return finding_from_error(error)


def _name_side(source: CheckpointLike) -> str:
    if isinstance(source, Checkpoint):
        return source.path
    if isinstance(source, list | tuple):
        return " + ".join(_name_side(part) for part in source)
    if isinstance(source, str | Path):
        return str(source)
    return type(source).__name__
