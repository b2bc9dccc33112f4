"""`diff`: are these two the same weights, and if not, what exactly differs and why?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from auscult.align.records import Match, WeightAlignment
from auscult.collector import pause_collector
from auscult.errors import CheckpointError
from auscult.finding import Finding, Json, Skip
from auscult.rules import require_known_codes
from auscult.rules.diff.subject import DiffSubject
from auscult.verbs.diff.template import is_only_initialised
from auscult.verbs.sides import CheckpointLike, open_side
from auscult.verdict import Equality, MappingEntry, Report, Verdict
from auscult.weights import Checkpoint

Progress = Callable[[int, int, str], None]

MIN_CONTENT_SHARE = 0.05
"""Share of the weights (matrices and filters) of a file that must be found in code by content; below it the code holds fresh
weights and only names and shapes can be compared. A partly loaded model lies above it, chance below."""


def diff(
    a: CheckpointLike,
    b: CheckpointLike,
    *,
    container_a: str | None = None,
    container_b: str | None = None,
    kwargs: Json | None = None,
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    fix: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compare what one has (`a`) with what it should be (`b`): a reference file, or the code of a model.

    Tensors are matched by content, whatever their names and layouts. Where one side is code whose weights are a fresh
    initialisation, names and shapes are compared instead, and the verdict is never better than INCONCLUSIVE: nothing was there to
    compare the values with.

    Args:
        a, b: Path, `package.module:callable`, `file.py:callable`, Checkpoint, live torch or MLX module, or a list of files.
        container_a, container_b: Which group of tensors to take from a file that has several.
        kwargs: Arguments for code given as a target.
        select, ignore: Beginnings of rule codes: what is shown. What is not is in `hidden` and
            still counts.
        fix: Write `a` in `b`'s form to this new file, compare that again, and report on it under `fixed`.
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
    for source, container in ((a, container_a), (b, container_b)):
        try:
            checkpoints.append(open_side(source, container=container, kwargs=kwargs))
        except CheckpointError as error:
            finding = _find_truncation(error)
            if finding is None:
                raise
            return Report(
                "diff",
                (_name_side(a), _name_side(b)),
                Verdict.ERROR,
                findings=(finding,),
                extra={"error": {"what": str(error)}},
            )
    return compare_checkpoints(
        checkpoints[0], checkpoints[1], select=select, ignore=ignore, fix=fix, progress=progress
    )


def compare_checkpoints(
    a: Checkpoint,
    b: Checkpoint,
    *,
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    fix: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """`diff` for two checkpoints that are open already."""
    with pause_collector():
        report = _build_diff_report(a, b, fix=fix, progress=progress)
    return report.narrowed(select, ignore)


def _build_diff_report(
    a: Checkpoint,
    b: Checkpoint,
    *,
    fix: Path | None,
    progress: Progress | None,
) -> Report:
    from auscult import rules
    from auscult.verbs.diff.same_weights import (
        describe_same_weights,
        drop_unshared_findings,
        find_unshared_parts,
    )

    flipped = (
        a.is_code and not b.is_code
    )  # rules speak of a file that is held against code, whichever came first
    if flipped:
        subject = build_subject(b, a, progress)
    else:
        subject = build_subject(a, b, progress)
    all_findings, skips = rules.run_rules(subject, "diff")
    unshared_parts = find_unshared_parts(subject)
    findings = drop_unshared_findings(all_findings, unshared_parts)
    report = Report(
        command="diff",
        subjects=(a.path, b.path),
        verdict=decide_verdict(subject, findings),
        coverage=_flip_coverage(subject) if flipped else subject.alignment.coverage(),
        findings=tuple(findings),
        skips=(
            *subject.alignment.skips,
            *skips,
            *_list_uncompared(subject),
            *unshared_parts.skips,
            *a.skips,
            *b.skips,
        ),
        mapping=tuple(
            build_mapping_entry(match, flipped=flipped) for match in subject.alignment.matches
        ),
        extra={
            "compared": "shapes" if subject.b_is_template else "values",
            **describe_same_weights(subject, flipped=flipped),
        },
    )
    if fix is None:
        return report
    from auscult.verbs.diff.fix import repair_checkpoint

    return repair_checkpoint(subject, report, fix, progress)


def build_subject(a: Checkpoint, b: Checkpoint, progress: Progress | None) -> DiffSubject:
    """Align by content; where b is code that holds none of it, by structure."""
    from auscult.align import align

    code = a.is_code or b.is_code
    if not code or not is_only_initialised(b, a):
        alignment = align(a, b, progress=progress)
        if not code or measure_content_share(alignment, a) >= MIN_CONTENT_SHARE:
            return DiffSubject(a, b, alignment, choices=_list_free_choices(a) if code else ())
    from auscult.align.structure import align_structure

    return DiffSubject(
        a, b, align_structure(a, b), b_is_template=True, choices=_list_free_choices(a)
    )


def measure_content_share(alignment: WeightAlignment, a: Checkpoint) -> float:
    """Share of a's weights with two axes or more that were found on side b by their values."""
    weights = {name for name, tensor in a.items() if sum(side > 1 for side in tensor.shape) >= 2}
    if not weights:
        return 1.0
    matched_names = {
        name
        for match in alignment.matches
        if match.equality is not Equality.DIFFERENT
        for name in match.a
    }
    return len(matched_names & weights) / len(weights)


def _list_free_choices(a: Checkpoint) -> tuple[Any, ...]:
    """What the family of this checkpoint computes without a tensor to show it, as it declares it."""
    from auscult.families import detect_families, import_family

    detection = next(
        iter(detect_families({name: tensor.shape for name, tensor in a.items()})), None
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


def decide_verdict(subject: DiffSubject, findings: Iterable[Finding]) -> Verdict:
    """DIVERGENT if anything differs that no recipe and no convention explains; else by what had to be done and could be seen."""
    from auscult.rules import every_rule
    from auscult.verbs.diff.same_weights import find_unshared_parts

    diverging_causes = {rule.name for rule in every_rule("diff") if rule.diverges}
    benign_names = {
        name
        for rule in every_rule("diff")
        if rule.benign or rule.name == "tie-lost"
        for place in subject.places.get(rule.name, ())
        if place.match is None
        for name in place.where
    }
    settled_matches = {
        id(place.match)
        for rule in every_rule("diff")
        if rule.benign
        for place in subject.places.get(rule.name, ())
        if place.match is not None
    }
    alignment = subject.alignment
    benign_names |= find_unshared_parts(subject).names
    unpaired_names = [
        name for name in (*alignment.only_in_a, *alignment.only_in_b) if name not in benign_names
    ]
    if (
        unpaired_names
        or any(
            (match.equality is Equality.DIFFERENT or match.fault)
            and id(match) not in settled_matches
            for match in alignment.matches
        )
        or any(finding.cause in diverging_causes for finding in findings)
    ):
        return Verdict.DIVERGENT
    if subject.b_is_template or alignment.skips or not alignment.matches:
        return Verdict.INCONCLUSIVE
    is_identical = all(match.identical and match.a == match.b for match in alignment.matches)
    if is_identical and not benign_names and not settled_matches:
        return Verdict.PASS
    return Verdict.EQUIVALENT


def build_mapping_entry(match: Match, *, flipped: bool = False) -> MappingEntry:
    """A line of the report's mapping; `flipped` where the user's a is the subject's b."""
    compared: Literal["values", "shapes"] = (
        "shapes" if match.evidence.get("compared") == "shapes" else "values"
    )
    entry = MappingEntry(
        match.a,
        match.b,
        tuple(op.to_json() for op in match.ops),
        match.equality,
        match.number_format,
        compared=compared,
        backward=match.backward != flipped and bool(match.ops),
    )
    if flipped:
        return replace(entry, a=match.b, b=match.a)
    return entry


def _flip_coverage(subject: DiffSubject) -> Any:
    coverage = subject.alignment.coverage()
    buckets = dict(coverage.buckets)
    buckets["only_in_a"], buckets["only_in_b"] = buckets["only_in_b"], buckets["only_in_a"]
    return replace(coverage, buckets=buckets)


def _list_uncompared(subject: DiffSubject) -> tuple[Skip, ...]:
    if not subject.b_is_template:
        return ()
    return (
        Skip(
            "values",
            f"{subject.b.path} holds fresh initial weights: names and shapes were compared, the values could not be",
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
