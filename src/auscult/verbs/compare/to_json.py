"""What `compare` adds to the report: layers, the first divergence, the floor, the alignment."""

from __future__ import annotations

import math
from typing import Any

from auscult.comparison.compare_runs import Comparison
from auscult.comparison.measure.readings import Reading
from auscult.comparison.results import LayerResult
from auscult.comparison.stages import StageResult
from auscult.comparison.steps import StepsResult
from auscult.finding import Json


def extra_of(found: Comparison) -> Json:
    """The keys of the report that are compare's own."""
    return {
        "layers": layers(found),
        "first_divergence": first_divergence(found),
        "floor": {"how": found.floor.how, "what": found.floor.what, "factor": found.floor.factor},
        "alignment": alignment(found),
        **({"stages": [_stage(stage) for stage in found.stages]} if found.stages else {}),
        **({"steps": [_steps(steps) for steps in found.steps]} if found.steps else {}),
    }


def layers(found: Comparison) -> list[Json]:
    """One entry per pair, in the reference's order of execution."""
    pairs = {pair.a: pair for pair in found.alignment.pairs}
    rows: dict[str, Json] = {}
    for result in found.results:
        pair = pairs[result.path_ref]
        if result.path_ref in rows:
            rows[result.path_ref]["causes"] = list(
                dict.fromkeys([*rows[result.path_ref]["causes"], *_causes(result)])
            )
            continue
        reading = found.readings.worst_output(result.path_ref)
        rows[result.path_ref] = {
            "a": result.path_ref,
            "b": result.path_cand,
            "error": number(result.error),
            "floor": number(result.floor),
            "limit": number(reading.limit if reading else result.floor),
            "born": result.born,
            "grown": result.grown,
            "type": found.runs.ref.manifest.modules[pair.a].type
            if pair.a in found.runs.ref.manifest.modules
            else "",
            "aligned_by": pair.by,
            "causes": _causes(result),
            **({"doubt": pair.doubt} if pair.doubt else {}),
            **({"reason": reading.distance.reason} if reading and reading.distance.reason else {}),
            **(
                {"measured_on": reading.distance.how}
                if reading and reading.distance.how != "values"
                else {}
            ),
        }
    return list(rows.values())


def _causes(result: LayerResult) -> list[str]:
    if result.born and not result.explanations:
        return ["unexplained"]
    return [one.cause for one in result.explanations[:1]]


def first_divergence(found: Comparison) -> Json | None:
    """The first place at which an error is born; where that is not known, the first tensor that differs."""
    place = found.places[0] if found.places else None
    reading = place.reading if place else found.first
    return (
        None
        if reading is None
        else {
            **_place(reading),
            "parent": place.parent if place else None,
            "born": place is not None,
        }
    )


def _place(reading: Reading) -> Json:
    return {
        "a": reading.pair.a if reading.is_output else reading.pair.ref[0],
        "b": reading.pair.b if reading.is_output else reading.pair.cand[0],
        "role": reading.role,
        "call": reading.call,
        "error": number(reading.error),
        "floor": number(reading.floor),
        **({"reason": reading.distance.reason} if reading.distance.reason else {}),
    }


def alignment(found: Comparison) -> Json:
    """How the layers were aligned, and what was left."""
    by: dict[str, int] = {}
    for pair in found.alignment.pairs:
        by[pair.by] = by.get(pair.by, 0) + 1
    return {
        "by": by,
        "groups": [
            {"a": list(pair.ref), "b": list(pair.cand)}
            for pair in found.alignment.pairs
            if not pair.is_single
        ],
        "axes": {str(rank): list(order) for rank, order in sorted(found.alignment.orders.items())},
        "only_in_a": list(found.alignment.only_in_ref),
        "only_in_b": list(found.alignment.only_in_cand),
    }


def _stage(stage: StageResult) -> Json:
    own, left = (None if value is None else number(value) for value in (stage.own, stage.left))
    return {
        "a": stage.path_ref,
        "b": stage.path_cand,
        "own": own,
        "left": left,
        "guilty": stage.guilty,
    }


def _steps(steps: StepsResult) -> Json:
    return {
        "a": steps.pair.a,
        "b": steps.pair.b,
        "steps": steps.steps,
        "verdict": steps.verdict,
        "says": steps.says,
        "errors": [number(error) for error in steps.errors],
        "own": [number(error) for error in steps.own],
    }


def number(value: Any) -> float | None:
    """JSON knows no infinity."""
    return float(value) if math.isfinite(value) else None
