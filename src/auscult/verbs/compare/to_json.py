"""What `compare` adds to the report: layers, the first divergence, the floor, the alignment."""

from __future__ import annotations

import math

from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.compare_runs import RunComparison
from auscult.comparison.measure.tensor_comparisons import TensorComparison
from auscult.comparison.results import LayerResult
from auscult.comparison.stages import StageResult
from auscult.comparison.steps import StepsResult
from auscult.explain.mistakes.par099_unexplained import NAME as UNEXPLAINED
from auscult.finding import Json
from auscult.report.sections.compare import CompareSection


def describe_comparison(comparison: RunComparison) -> CompareSection:
    """What the report of compare says of the layers."""
    floor = comparison.floor
    return CompareSection(
        layers=describe_layers(comparison),
        first_divergence=describe_first_divergence(comparison),
        floor={"how": floor.how, "what": floor.what, "factor": floor.factor},
        alignment=describe_alignment(comparison),
        stages=[_describe_stage(stage) for stage in comparison.stages] or None,
        steps=[_describe_steps(steps) for steps in comparison.steps] or None,
    )


def describe_layers(comparison: RunComparison) -> list[Json]:
    """One entry per pair, in the reference's order of execution."""
    pairs = {pair.a: pair for pair in comparison.alignment.pairs}
    rows: dict[str, Json] = {}
    for result in comparison.results:
        row = rows.get(result.path_ref)
        if row is None:
            rows[result.path_ref] = _describe_layer(comparison, result, pairs[result.path_ref])
        else:
            row["causes"] = list(dict.fromkeys([*row["causes"], *_list_causes(result)]))
    return list(rows.values())


def _describe_layer(comparison: RunComparison, result: LayerResult, pair: LayerPair) -> Json:
    worst_output = comparison.comparisons.worst_output(result.path_ref)
    info = comparison.runs.reference.manifest.modules.get(pair.a)
    limit = result.floor
    if worst_output is not None:
        limit = worst_output.limit
    row: Json = {
        "a": result.path_ref,
        "b": result.path_cand,
        "error": to_json_number(result.error),
        "floor": to_json_number(result.floor),
        "limit": to_json_number(limit),
        "born": result.born,
        "grown": result.grown,
        "type": "" if info is None else info.type,
        "aligned_by": pair.by,
        "causes": _list_causes(result),
    }
    if pair.doubt:
        row["doubt"] = pair.doubt
    if worst_output is not None and worst_output.distance.reason:
        row["reason"] = worst_output.distance.reason
    if worst_output is not None and worst_output.distance.how != "values":
        row["measured_on"] = worst_output.distance.how
    return row


def _list_causes(result: LayerResult) -> list[str]:
    if result.born and not result.explanations:
        return [UNEXPLAINED]
    return [explanation.cause for explanation in result.explanations[:1]]


def describe_first_divergence(comparison: RunComparison) -> Json | None:
    """The first place at which an error is born; where that is not known, the first tensor that
    differs.
    """
    if comparison.places:
        place = comparison.places[0]
        return {**_describe_place(place.comparison), "parent": place.parent, "born": True}
    if comparison.first is None:
        return None
    return {**_describe_place(comparison.first), "parent": None, "born": False}


def _describe_place(tensor_comparison: TensorComparison) -> Json:
    pair = tensor_comparison.pair
    if tensor_comparison.is_output:
        path_ref, path_cand = pair.a, pair.b
    else:
        path_ref, path_cand = pair.reference[0], pair.candidate[0]
    values: Json = {
        "a": path_ref,
        "b": path_cand,
        "role": tensor_comparison.role,
        "call": tensor_comparison.call,
        "error": to_json_number(tensor_comparison.error),
        "floor": to_json_number(tensor_comparison.floor),
    }
    if tensor_comparison.distance.reason:
        values["reason"] = tensor_comparison.distance.reason
    return values


def describe_alignment(comparison: RunComparison) -> Json:
    """How the layers were aligned, and what was left."""
    count_by_method: dict[str, int] = {}
    for pair in comparison.alignment.pairs:
        count_by_method[pair.by] = count_by_method.get(pair.by, 0) + 1
    return {
        "by": count_by_method,
        "groups": [
            {"a": list(pair.reference), "b": list(pair.candidate)}
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
    return {
        "a": stage.path_ref,
        "b": stage.path_cand,
        "own": to_json_number(stage.own),
        "left": to_json_number(stage.left),
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


def to_json_number(value: float | None) -> float | None:
    """None where there is no number, or an infinite one, which JSON does not know."""
    if value is not None and math.isfinite(value):
        return float(value)
    return None
