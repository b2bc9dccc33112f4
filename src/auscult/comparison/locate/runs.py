"""Find the places at which errors are born, by running one side on the other's tensors where that
can be done.

In: two runs, aligned, and the live models behind them. Out: `LocatedFaults`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from auscult.comparison.align.axes import to_reference_order
from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.locate import forced
from auscult.comparison.locate.aligned_sides import AlignedSides, Inputs, LocatedFaults
from auscult.comparison.locate.inject import ModuleInjector
from auscult.comparison.locate.place_cases import build_located_case
from auscult.comparison.locate.places import FaultPlace, locate_faults
from auscult.comparison.measure.floor import (
    NoiseFloor,
    choose_second_precision,
    compute_least_floor,
    find_coarsest_dtype,
    floor_from_second_run,
)
from auscult.comparison.measure.tensor_comparisons import TensorComparisons, compare_tensors
from auscult.comparison.modules import ModuleTree
from auscult.comparison.results import LayerResult
from auscult.comparison.stages import StageJudge, StageResult, find_stage_pairs, is_in_guilty_stage
from auscult.comparison.steps import StepsResult
from auscult.errors import AuscultError, UsageError
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.mistakes.par003_chaotic import NAME as CHAOTIC
from auscult.runtime.runner import Runner
from auscult.traces.records import Trace


def judge_stages(sides: AlignedSides, names: Sequence[str]) -> tuple[StageResult, ...]:
    """Judge the stages of these names.

    Raises:
        UsageError: If a name is no module, or the candidate is not live.
    """
    runner, inputs = sides.runs.candidate_runner, sides.runs.candidate_inputs
    if runner is None or inputs is None:
        hint = "give the model in place of its trace, or --cand-model"
        raise UsageError("needs a live candidate", where="--stages", hint=hint)
    judge = StageJudge(
        runner, inputs, sides.reference, sides.candidate, sides.alignment, sides.floor
    )
    return tuple(judge.judge(find_stage_pairs(names, sides.reference, sides.alignment)))


def locate_free(sides: AlignedSides, comparisons: TensorComparisons) -> LocatedFaults:
    """Places in the candidate's own run: the first fault, and others only on branches of their
    own.
    """

    def make_case(place: FaultPlace) -> LayerCase | None:
        return build_located_case(sides, sides.runs.reference, sides.runs.candidate, place)

    return LocatedFaults(
        comparisons,
        tuple(locate_faults(sides.reference, comparisons, forced=False)),
        make_case,
        separated=False,
    )


def locate_forced(sides: AlignedSides, stages: Sequence[StageResult] = ()) -> LocatedFaults | None:
    """Places in a run of the candidate on the reference's tensors; if only the reference can be run
    so, the reverse.

    Args:
        stages: Judged before; only what lies in guilty ones, or in none, is looked into.

    Returns:
        None where neither side is live.

    Raises:
        UsageError, TargetError: If the model cannot be run so.
    """
    pairs = tuple(
        pair
        for pair in sides.alignment.pairs
        if is_in_guilty_stage(pair.a, stages) or _is_stage(pair, stages)
    )
    alignment = replace(sides.alignment, pairs=pairs)
    runs = sides.runs
    if runs.candidate_runner is not None and runs.candidate_inputs is not None:
        try:
            return _locate_in_forced_candidate(
                sides, alignment, runs.candidate_runner, runs.candidate_inputs
            )
        except AuscultError:
            if runs.reference_runner is None or runs.inputs is None:
                raise
    if runs.reference_runner is None or runs.inputs is None:
        return None
    return _locate_in_forced_reference(sides, alignment, runs.reference_runner, runs.inputs)


def _locate_in_forced_candidate(
    sides: AlignedSides, alignment: LayerAlignment, runner: Runner, inputs: Inputs
) -> LocatedFaults:
    runs = sides.runs
    forced_run = forced.run_candidate(runner, inputs, sides.reference, sides.candidate, alignment)
    layer_floor = measure_local_floor(sides, runs.reference)
    comparisons = compare_tensors(
        sides.reference, ModuleTree.of(forced_run), alignment, layer_floor, own_outputs=True
    )
    injector = ModuleInjector(
        runner, sides.reference, sides.candidate, alignment.orders, layer_floor, sides.floor
    )
    places = injector.confirm_places(
        locate_faults(sides.reference, comparisons, forced=True), comparisons
    )

    def make_case(place: FaultPlace) -> LayerCase | None:
        pair, call = place.comparison.pair, place.comparison.candidate_call
        if place.comparison.is_output:
            view = forced.view_own_outputs(forced_run, pair.b, call)
        else:
            view = forced_run
        case = build_located_case(sides, runs.reference, view, place)
        if case is None or place.own_output is None:
            return case
        own_output = to_reference_order(case.reference, place.own_output, alignment.orders)
        return replace(case, candidate=own_output)

    return LocatedFaults(comparisons, tuple(places), make_case, separated=True)


def _locate_in_forced_reference(
    sides: AlignedSides, alignment: LayerAlignment, runner: Runner, inputs: Inputs
) -> LocatedFaults:
    forced_run = forced.run_reference(runner, inputs, sides.reference, sides.candidate, alignment)
    reference_view = forced.view_own_outputs(forced_run)
    reference_side = ModuleTree.of(reference_view)
    comparisons = compare_tensors(
        reference_side, sides.candidate, alignment, measure_local_floor(sides, forced_run)
    )

    def make_case(place: FaultPlace) -> LayerCase | None:
        return build_located_case(sides, reference_view, sides.runs.candidate, place)

    return LocatedFaults(
        comparisons,
        tuple(locate_faults(reference_side, comparisons, forced=True)),
        make_case,
        separated=True,
    )


def _is_stage(pair: LayerPair, stages: Iterable[StageResult]) -> bool:
    return any(pair.a == stage.path_ref for stage in stages)


def measure_local_floor(sides: AlignedSides, trace: Trace) -> NoiseFloor:
    """What rounding does within one layer: the reference at a second precision on the very tensors
    of that trace.

    Where it cannot be measured, the floor of the whole run is taken, which lies above it.
    """
    runs, floor = sides.runs, sides.floor
    if runs.reference_runner is None or runs.inputs is None or floor.how != "measured":
        return floor
    dtype = choose_second_precision(
        runs.reference_runner.dtype, find_coarsest_dtype(runs.candidate)
    )
    try:
        # A module that is not paired is not replaced in the candidate either: its rounding is part of
        # what the paired one around it does.
        paths = {pair.a for pair in sides.alignment.pairs}
        second_run = forced.run_again(runs.reference_runner.at(dtype), runs.inputs, trace, paths)
    except AuscultError:
        return floor
    local_floor = floor_from_second_run(
        forced.view_own_outputs(trace),
        forced.view_own_outputs(second_run),
        compute_least_floor(runs.reference, runs.candidate),
        floor.what,
    )
    held_errors = {
        record.key: floor.at(record) for record in trace.records if record.path in floor.held
    }
    kernel_errors = {
        record.key: max(local_floor.at(record), floor.kernel_errors[record.path])
        for record in trace.records
        if record.path in floor.kernel_errors
    }
    return replace(local_floor, errors={**local_floor.errors, **held_errors, **kernel_errors})


def add_chaos_explanations(
    results: Sequence[LayerResult], steps: Iterable[StepsResult]
) -> tuple[LayerResult, ...]:
    """The results, with what stepping said at the modules that are called again and again."""
    chaotic = {step.pair.a: step for step in steps if step.verdict == "chaotic"}
    explained_results = []
    for result in results:
        step = chaotic.get(result.path_ref)
        if step is None or result.born:
            explained_results.append(result)
        else:
            explanations = (_explain_chaos(step), *result.explanations)
            explained_results.append(replace(result, explanations=explanations))
    return tuple(explained_results)


def _explain_chaos(step: StepsResult) -> Explanation:
    evidence: dict[str, object] = {"steps": step.steps}
    if step.flip is not None:
        evidence |= {
            "step": step.flip.step,
            "margin": step.flip.margin,
            "score_error": step.flip.error,
        }
    return Explanation(CHAOTIC, says=step.says, reproduced=False, evidence=evidence)
