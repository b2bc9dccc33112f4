"""What `compare` adds to the report: layers, the first divergence, the floor, the alignment."""

from __future__ import annotations

import math
from typing import Any

from auscult.comparison.compare_runs import RunComparison
from auscult.comparison.measure.tensor_comparisons import TensorComparison
from auscult.comparison.results import LayerResult
from auscult.comparison.stages import StageResult
from auscult.comparison.steps import StepsResult
from auscult.finding import Json


def describe_comparison(comparison: RunComparison) -> Json:
    """The keys of the report that are compare's own."""
    return {
        "layers": describe_layers(comparison),
        "first_divergence": describe_first_divergence(comparison),
        "floor": {
            "how": comparison.floor.how,
            "what": comparison.floor.what,
            "factor": comparison.floor.factor,
        },
        "alignment": describe_alignment(comparison),
        **(
            {"stages": [_describe_stage(stage) for stage in comparison.stages]}
            if comparison.stages
            else {}
        ),
        **(
            {"steps": [_describe_steps(steps) for steps in comparison.steps]}
            if comparison.steps
            else {}
        ),
    }


def describe_layers(comparison: RunComparison) -> list[Json]:
    """One entry per pair, in the reference's order of execution."""
    pairs = {pair.a: pair for pair in comparison.alignment.pairs}
    rows: dict[str, Json] = {}
    for result in comparison.results:
        pair = pairs[result.path_ref]
        if result.path_ref in rows:
            rows[result.path_ref]["causes"] = list(
                dict.fromkeys([*rows[result.path_ref]["causes"], *_list_causes(result)])
            )
            continue
        tensor_comparison = comparison.comparisons.worst_output(result.path_ref)
        rows[result.path_ref] = {
            "a": result.path_ref,
            "b": result.path_cand,
            "error": to_json_number(result.error),
            "floor": to_json_number(result.floor),
            "limit": to_json_number(tensor_comparison.limit if tensor_comparison else result.floor),
            "born": result.born,
            "grown": result.grown,
            "type": (
                comparison.runs.ref.manifest.modules[pair.a].type
                if pair.a in comparison.runs.ref.manifest.modules
                else ""
            ),
            "aligned_by": pair.by,
            "causes": _list_causes(result),
            **({"doubt": pair.doubt} if pair.doubt else {}),
            **(
                {"reason": tensor_comparison.distance.reason}
                if tensor_comparison and tensor_comparison.distance.reason
                else {}
            ),
            **(
                {"measured_on": tensor_comparison.distance.how}
                if tensor_comparison and tensor_comparison.distance.how != "values"
                else {}
            ),
        }
    return list(rows.values())


def _list_causes(result: LayerResult) -> list[str]:
    if result.born and not result.explanations:
        return ["unexplained"]
    return [explanation.cause for explanation in result.explanations[:1]]


def describe_first_divergence(comparison: RunComparison) -> Json | None:
    """The first place at which an error is born; where that is not known, the first tensor that
    differs.
    """
    place = comparison.places[0] if comparison.places else None
    tensor_comparison = place.comparison if place else comparison.first
    if tensor_comparison is None:
        return None
    return {
        **_describe_place(tensor_comparison),
        "parent": place.parent if place else None,
        "born": place is not None,
    }


def _describe_place(tensor_comparison: TensorComparison) -> Json:
    return {
        "a": (
            tensor_comparison.pair.a
            if tensor_comparison.is_output
            else tensor_comparison.pair.ref[0]
        ),
        "b": (
            tensor_comparison.pair.b
            if tensor_comparison.is_output
            else tensor_comparison.pair.cand[0]
        ),
        "role": tensor_comparison.role,
        "call": tensor_comparison.call,
        "error": to_json_number(tensor_comparison.error),
        "floor": to_json_number(tensor_comparison.floor),
        **(
            {"reason": tensor_comparison.distance.reason}
            if tensor_comparison.distance.reason
            else {}
        ),
    }


def describe_alignment(comparison: RunComparison) -> Json:
    """How the layers were aligned, and what was left."""
    count_by_method: dict[str, int] = {}
    for pair in comparison.alignment.pairs:
        count_by_method[pair.by] = count_by_method.get(pair.by, 0) + 1
    return {
        "by": count_by_method,
        "groups": [
            {"a": list(pair.ref), "b": list(pair.cand)}
            for pair in comparison.alignment.pairs
            if not pair.is_single
        ],
        "axes": {
            str(rank): list(order) for rank, order in sorted(comparison.alignment.orders.items())
        },
        "only_in_a": list(comparison.alignment.only_in_ref),
        "only_in_b": list(comparison.alignment.only_in_cand),
    }


def _describe_stage(stage: StageResult) -> Json:
    own_error, remaining_error = (
        None if value is None else to_json_number(value) for value in (stage.own, stage.left)
    )
    return {
        "a": stage.path_ref,
        "b": stage.path_cand,
        "own": own_error,
        "left": remaining_error,
        "guilty": stage.guilty,
    }


def _describe_steps(steps: StepsResult) -> Json:
    return {
        "a": steps.pair.a,
        "b": steps.pair.b,
        "steps": steps.steps,
        "verdict": steps.verdict,
        "says": steps.says,
        "errors": [to_json_number(error) for error in steps.errors],
        "own": [to_json_number(error) for error in steps.own],
    }


def to_json_number(value: Any) -> float | None:
    """JSON knows no infinity."""
    if math.isfinite(value):
        return float(value)
    return None
