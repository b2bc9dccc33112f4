"""`inspect`: what is in this file? Which model is it, in which layout, trained or random, healthy or not?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from auscult import rules
from auscult.checkpoint.health import Examination, Health, examine
from auscult.checkpoint.layout import parametrisation_of
from auscult.finding import Json, Severity, Skip
from auscult.rules.inspect.ckp056_layout_mixed import measure as layout_by_plan
from auscult.rules.inspect.ckp056_layout_mixed import planned_shapes
from auscult.rules.inspect.subject import InspectSubject
from auscult.verbs.inspect.tree import histograms, module_tree
from auscult.verbs.sides import Given, open_side
from auscult.verdict import Coverage, Report, Verdict
from auscult.weights import Checkpoint

Progress = Callable[[int, int, str], None]

MIN_FAMILY_SCORE = 0.6
"""A family below it is only the nearest one."""
MAX_NEAREST = 3
MAX_METADATA = 64


def inspect(
    target: Given,
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
        target: Path, `package.module:callable`, `file.py:callable`, Checkpoint, or live torch or MLX module.
        kwargs: Arguments for code given as a target.
        container: Which group of tensors to take from a file that has several.
        full: Read all values; otherwise a sample of every tensor, mostly a thousand values spread over it.
        tensors: List every tensor with its measures.
        histogram: Patterns of tensor names (`*` matches anything) to draw; these are read whole.

    Returns:
        PASS if nothing of severity `error` was found, else DIVERGENT. `extra["checkpoint"]` describes the file.

    Raises:
        CheckpointError: If the file cannot be read or has no tensors.
        TargetError: If code cannot be imported or called.
        UsageError: If a histogram pattern fits no tensor.
    """
    checkpoint = open_side(target, container=container, kwargs=kwargs)
    looked = examine(checkpoint, full=full, progress=progress)
    detections = _families(checkpoint)
    subject = InspectSubject(checkpoint, looked.health, detections[0] if detections else None)
    findings, more = rules.run_rules(subject, "inspect")
    skips = (*checkpoint.skips, *_unread(checkpoint, looked), *more)
    verdict = (
        Verdict.DIVERGENT
        if any(finding.severity is Severity.ERROR for finding in findings)
        else Verdict.PASS
    )
    named = {name for finding in findings if finding.cause == "untrained" for name in finding.where}
    facts = describe(checkpoint, looked, detections, named)
    if tensors:
        facts["tensor_list"] = [
            _row(checkpoint, name, looked.health.get(name)) for name in checkpoint
        ]
    if histogram:
        facts["histograms"] = histograms(checkpoint, histogram)
    return Report(
        "inspect",
        (checkpoint.path,),
        verdict,
        _coverage(checkpoint, looked),
        findings,
        skips,
        extra={"checkpoint": facts},
    )


def describe(
    checkpoint: Checkpoint,
    looked: Examination,
    detections: tuple[Any, ...],
    untrained: Collection[str] = (),
) -> Json:
    """The facts of `inspect` as JSON; `untrained` names the tensors that a rule found so."""
    shapes = {name: tensor.shape for name, tensor in checkpoint.items()}
    best = detections[0] if detections else None
    known = best if best is not None and best.score >= MIN_FAMILY_SCORE else None
    layout = layout_by_plan(shapes, planned_shapes(known, shapes))
    layout_name, sentence = str(layout.layout), layout.sentence
    parametrisation, parametrisation_evidence = map(str, parametrisation_of(shapes))
    if known and layout_name == "unknown" and known.layout != "unknown":
        layout_name, sentence = known.layout, f"the shapes that {known.family} plans"
    if known and parametrisation == "none" and known.parametrisation == "fused":
        parametrisation = "fused"
        parametrisation_evidence = (
            f"{known.family} is trained with weight norm, and this file has plain weights"
        )
    return {
        "format": checkpoint.format,
        "container": list(checkpoint.container),
        "containers": [_container(checkpoint, entry) for entry in checkpoint.containers],
        "tensors": len(checkpoint),
        "parameters": checkpoint.parameters,
        "bytes": sum(tensor.nbytes for tensor in checkpoint.tensors.values()),
        "dtypes": dict(
            Counter(tensor.dtype for tensor in checkpoint.tensors.values()).most_common()
        ),
        "layout": layout_name,
        "layout_evidence": sentence,
        "parametrisation": parametrisation,
        "parametrisation_evidence": parametrisation_evidence,
        **_family_facts(detections, known),
        "health": _health_facts(looked, untrained),
        "ties": [list(group) for group in checkpoint.ties],
        "metadata": dict(list(checkpoint.metadata.items())[:MAX_METADATA]),
        "modules": module_tree(checkpoint),
    }


def _families(checkpoint: Checkpoint) -> tuple[Any, ...]:
    from auscult.families import detect

    return tuple(detect({name: tensor.shape for name, tensor in checkpoint.items()}))


def _family_facts(detections: tuple[Any, ...], best: Any) -> Json:
    return {
        "family": best.family if best else None,
        "variant": best.variant if best else None,
        "prefix": best.prefix if best else "",
        "hyperparameters": dict(best.hyperparameters) if best else {},
        "undetermined": {name: list(values) for name, values in best.undetermined.items()}
        if best
        else {},
        "nearest": [
            {
                "family": found.family,
                "score": round(found.score, 4),
                "missing_evidence": list(found.missing_evidence),
            }
            for found in _nearest(detections)
        ],
    }


def _nearest(detections: tuple[Any, ...]) -> list[Any]:
    """The best detection of each family, best first."""
    first: dict[str, Any] = {}
    for found in detections:
        first.setdefault(found.family, found)
    return list(first.values())[:MAX_NEAREST]


def _health_facts(looked: Examination, untrained: Collection[str]) -> Json:
    records = looked.health.values()
    return {
        "values": looked.size,
        "values_seen": looked.seen,
        "share_seen": round(looked.seen / looked.size, 6) if looked.size else 1.0,
        "non_finite": sum(1 for record in records if record.nan or record.inf),
        "all_zero": sum(1 for record in records if record.is_zero),
        "constant": sum(1 for record in records if record.is_constant and not record.is_zero),
        "fresh": sum(1 for name in untrained if looked.health[name].fresh),
        "dead_channels": sum(len(record.dead) for record in records),
    }


def _container(checkpoint: Checkpoint, entry: Any) -> Json:
    chosen = entry.path == checkpoint.container and entry.kind != "other"
    return {
        "path": list(entry.path),
        "kind": entry.kind,
        "tensors": entry.tensors,
        "parameters": entry.parameters,
        "chosen": chosen,
    }


def _unread(checkpoint: Checkpoint, looked: Examination) -> tuple[Skip, ...]:
    listed = {skip.where for skip in looked.skips}
    others = (name for name in checkpoint if name not in looked.health and name not in listed)
    return (*looked.skips, *(Skip(name, "its values were not looked at") for name in others))


def _coverage(checkpoint: Checkpoint, looked: Examination) -> Coverage:
    """Every tensor: all of its values looked at, a sample of them, or none; and what the file has that could not be read."""
    buckets = {"read_whole": 0, "sampled": 0, "skipped": len(checkpoint.skips)}
    for name in checkpoint:
        health = looked.health.get(name)
        bucket = (
            "skipped"
            if health is None
            else "read_whole"
            if health.seen >= health.size
            else "sampled"
        )
        buckets[bucket] += 1
    return Coverage("tensors", buckets)


def _row(checkpoint: Checkpoint, name: str, health: Health | None) -> Mapping[str, Any]:
    tensor = checkpoint[name]
    row: Json = {
        "name": name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "bytes": tensor.nbytes,
    }
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
