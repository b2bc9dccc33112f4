"""`inspect`: what is in this file?

Which model is it, in which layout, trained or random, healthy or not?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from auscult import rules
from auscult.checkpoint.health import Examination, Health, examine_checkpoint
from auscult.checkpoint.layout import detect_parametrisation
from auscult.facts.progress import Progress
from auscult.finding import Finding, Json, Severity, Skip
from auscult.report.sections.inspect import InspectSection
from auscult.rules.inspect.ckp056_layout_mixed import measure as layout_by_plan
from auscult.rules.inspect.ckp056_layout_mixed import plan_shapes
from auscult.rules.inspect.subject import InspectSubject
from auscult.verbs.inspect.tree import build_histograms, build_module_tree
from auscult.verbs.sides import CheckpointLike, open_side
from auscult.verdict import Coverage, Report, Verdict
from auscult.weights import Checkpoint

MIN_FAMILY_SCORE = 0.6
"""A family below it is only the nearest one."""
MAX_NEAREST = 3
MAX_METADATA = 64


def inspect(
    target: CheckpointLike,
    *,
    kwargs: Json | None = None,
    container: str | None = None,
    full: bool = False,
    tensors: bool = False,
    histogram: Iterable[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Describe one checkpoint and look for what is wrong in it, without a reference.

    Args:
        target: Path, `package.module:callable`, `file.py:callable`, Checkpoint, or live torch or
            MLX module.
        kwargs: Arguments for code given as a target.
        container: Which group of tensors to take from a file that has several.
        full: Read all values; otherwise a sample of every tensor, mostly a thousand values spread
            over it.
        tensors: List every tensor with its measures.
        histogram: Patterns of tensor names (`*` matches anything) to draw; these are read whole.

    Returns:
        DIVERGENT if anything of severity `error` was found; INCONCLUSIVE if the values of a weight
        could not be read; else PASS. `section.checkpoint` describes the file.

    Raises:
        CheckpointError: If the file cannot be read, or has neither tensors nor code that loading it would run.
        TargetError: If code cannot be imported or called.
        UsageError: If a histogram pattern fits no tensor.
    """
    checkpoint = open_side(target, container=container, kwargs=kwargs, is_code_enough=True)
    examination = examine_checkpoint(checkpoint, full=full, progress=progress)
    detections = _detect_families(checkpoint)
    subject = InspectSubject(checkpoint, examination.health, detections[0] if detections else None)
    findings, rule_skips = rules.run_rules(subject, "inspect")
    skips = (*checkpoint.skips, *_list_unread(checkpoint, examination), *rule_skips)
    untrained_names = {
        name for finding in findings if finding.cause == "untrained" for name in finding.where
    }
    facts = describe_checkpoint(checkpoint, examination, detections, untrained_names)
    if tensors:
        facts["tensor_list"] = [
            _describe_tensor(checkpoint, name, examination.health.get(name)) for name in checkpoint
        ]
    if histogram:
        facts["histograms"] = build_histograms(checkpoint, histogram)
    return Report(
        "inspect",
        (checkpoint.path,),
        _decide_verdict(checkpoint, findings, examination),
        _build_coverage(checkpoint, examination),
        findings,
        skips,
        section=InspectSection(facts),
    )


def _decide_verdict(
    checkpoint: Checkpoint, findings: Iterable[Finding], examination: Examination
) -> Verdict:
    """PASS says that every weight was looked at, and nothing is wrong."""
    if any(finding.severity is Severity.ERROR for finding in findings):
        return Verdict.DIVERGENT
    has_unread_weights = any(skip.is_weight for skip in checkpoint.skips) or examination.skips
    has_placeholders = any(tensor.is_placeholder for tensor in checkpoint.tensors.values())
    if examination.seen == 0 or has_unread_weights or has_placeholders:
        return Verdict.INCONCLUSIVE
    return Verdict.PASS


def describe_checkpoint(
    checkpoint: Checkpoint,
    examination: Examination,
    detections: tuple[Any, ...],
    untrained: Collection[str] = (),
) -> Json:
    """The facts of `inspect` as JSON; `untrained` names the tensors that a rule found so."""
    shapes = {name: tensor.shape for name, tensor in checkpoint.items()}
    best = detections[0] if detections else None
    family_match = best if best is not None and best.score >= MIN_FAMILY_SCORE else None
    layout = layout_by_plan(shapes, plan_shapes(family_match, shapes))
    layout_name, sentence = str(layout.layout), layout.sentence
    parametrisation, parametrisation_evidence = map(str, detect_parametrisation(shapes))
    if family_match and layout_name == "unknown" and family_match.layout != "unknown":
        layout_name, sentence = family_match.layout, f"the shapes that {family_match.family} plans"
    if family_match and parametrisation == "none" and family_match.parametrisation == "fused":
        parametrisation = "fused"
        parametrisation_evidence = (
            f"{family_match.family} is trained with weight norm, and this file has plain weights"
        )
    return {
        "format": checkpoint.format,
        "container": list(checkpoint.container),
        "containers": [_describe_container(checkpoint, entry) for entry in checkpoint.containers],
        "tensors": len(checkpoint),
        "parameters": checkpoint.parameters,
        "bytes": sum(tensor.nbytes for tensor in checkpoint.tensors.values()),
        "dtypes": dict(
            Counter(tensor.dtype for tensor in checkpoint.tensors.values()).most_common()
        ),
        **_describe_storages(checkpoint),
        "layout": layout_name,
        "layout_evidence": sentence,
        "parametrisation": parametrisation,
        "parametrisation_evidence": parametrisation_evidence,
        **_describe_family(detections, family_match),
        "health": _summarize_health(examination, untrained),
        "ties": [list(group) for group in checkpoint.ties],
        "metadata": dict(list(checkpoint.metadata.items())[:MAX_METADATA]),
        "modules": build_module_tree(checkpoint),
    }


def _describe_storages(checkpoint: Checkpoint) -> Json:
    """How quantised weights are stored, and how many so; nothing where none is."""
    storages = Counter(
        storage
        for tensor in checkpoint.tensors.values()
        if (storage := tensor.weight_storage) is not None
    )
    if not storages:
        return {}
    return {
        "quantised": [
            {"storage": storage.label, **storage._asdict(), "tensors": count}
            for storage, count in storages.most_common()
        ]
    }


def _detect_families(checkpoint: Checkpoint) -> tuple[Any, ...]:
    from auscult.families import detect_families

    return tuple(detect_families({name: tensor.shape for name, tensor in checkpoint.items()}))


def _describe_family(detections: tuple[Any, ...], best: Any) -> Json:
    values: Json = {
        "family": None,
        "variant": None,
        "prefix": "",
        "hyperparameters": {},
        "undetermined": {},
    }
    if best is not None:
        undetermined = {name: list(choices) for name, choices in best.undetermined.items()}
        values = {
            "family": best.family,
            "variant": best.variant,
            "prefix": best.prefix,
            "hyperparameters": dict(best.hyperparameters),
            "undetermined": undetermined,
        }
    return {
        **values,
        "nearest": [
            {
                "family": detection.family,
                "score": round(detection.score, 4),
                "missing_evidence": list(detection.missing_evidence),
            }
            for detection in _select_nearest(detections)
        ],
    }


def _select_nearest(detections: tuple[Any, ...]) -> list[Any]:
    """The best detection of each family, best first."""
    best_by_family: dict[str, Any] = {}
    for detection in detections:
        best_by_family.setdefault(detection.family, detection)
    return list(best_by_family.values())[:MAX_NEAREST]


def _summarize_health(examination: Examination, untrained: Collection[str]) -> Json:
    records = examination.health.values()
    share_seen = 1.0
    if examination.size:
        share_seen = round(examination.seen / examination.size, 6)
    return {
        "values": examination.size,
        "values_seen": examination.seen,
        "share_seen": share_seen,
        "non_finite": sum(1 for record in records if record.nan or record.inf),
        "all_zero": sum(1 for record in records if record.is_zero),
        "constant": sum(1 for record in records if record.is_constant and not record.is_zero),
        "fresh": sum(1 for name in untrained if examination.health[name].fresh),
        "dead_channels": sum(len(record.dead) for record in records),
    }


def _describe_container(checkpoint: Checkpoint, entry: Any) -> Json:
    chosen = entry.path == checkpoint.container and entry.kind != "other"
    return {
        "path": list(entry.path),
        "kind": entry.kind,
        "tensors": entry.tensors,
        "parameters": entry.parameters,
        "chosen": chosen,
    }


def _list_unread(checkpoint: Checkpoint, examination: Examination) -> tuple[Skip, ...]:
    skipped_names = {skip.where for skip in examination.skips}
    unread_names = (
        name for name in checkpoint if name not in examination.health and name not in skipped_names
    )
    return (
        *examination.skips,
        *(Skip(name, "its values were not looked at") for name in unread_names),
    )


def _build_coverage(checkpoint: Checkpoint, examination: Examination) -> Coverage:
    """Every tensor: all of its values looked at, a sample of them, or none; and what the file has
    that could not be read.
    """
    buckets = {"read_whole": 0, "sampled": 0, "skipped": len(checkpoint.skips)}
    for name in checkpoint:
        health = examination.health.get(name)
        if health is None:
            bucket = "skipped"
        elif health.seen >= health.size:
            bucket = "read_whole"
        else:
            bucket = "sampled"
        buckets[bucket] += 1
    return Coverage("tensors", buckets)


def _describe_tensor(checkpoint: Checkpoint, name: str, health: Health | None) -> Mapping[str, Any]:
    tensor = checkpoint[name]
    row: Json = {
        "name": name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "bytes": tensor.nbytes,
    }
    if tensor.weight_storage is not None:
        row["storage"] = tensor.weight_storage.label
    if health is not None and health.seen:
        names = (
            "minimum",
            "maximum",
            "mean",
            "std",
            "kurtosis",
            "nan",
            "inf",
            "zeros",
            "seen",
            "fresh",
        )
        row.update({key: getattr(health, key) for key in names})
    return row
