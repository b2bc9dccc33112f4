"""From two runs to the places at which errors are born, by running one side on the other's tensors where that can be done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.fault_cases import case_at
from auscult.comparison.locate import forced
from auscult.comparison.locate.inject import Injection
from auscult.comparison.locate.places import Place, locate
from auscult.comparison.measure.floor import Floor, dtype_of, least, measured, second_precision
from auscult.comparison.measure.readings import Readings, read
from auscult.comparison.modules import Side
from auscult.comparison.results import LayerResult
from auscult.comparison.stages import StageResult, Stages, inside, stage_pairs
from auscult.comparison.steps import StepsResult
from auscult.errors import AuscultError, UsageError
from auscult.explain.algebra.norms import before_batch_norm
from auscult.explain.case import Explanation, LayerCase
from auscult.runtime.runner import Runner
from auscult.traces.records import Trace
from auscult.weights import Array

Progress = Callable[[int, int, str], None]
Inputs = Mapping[str, Array]
MakeCase = Callable[[Place], "LayerCase | None"]


@dataclass(frozen=True, eq=False)
class Runs:
    """What there is to compare.

    Attributes:
        ref, cand: The two runs.
        ref_runner, cand_runner: The live models, where there are any.
        inputs: Of the reference's run, to run it again.
        inputs_cand: Of the candidate's, in its own order of axes.
    """

    ref: Trace
    cand: Trace
    ref_runner: Runner | None = None
    cand_runner: Runner | None = None
    inputs: Inputs | None = None
    inputs_cand: Inputs | None = None


@dataclass(frozen=True, eq=False)
class Sides:
    """Two runs with their modules, aligned, and the floor of the whole run."""

    runs: Runs
    ref: Side
    cand: Side
    alignment: LayerAlignment
    floor: Floor


@dataclass(frozen=True, eq=False)
class Located:
    """Where errors are born, by which readings, and how to make cases of the places.

    Attributes:
        separated: Whether the readings are of a run on the other side's tensors, so that all that differs was born.
    """

    readings: Readings
    places: tuple[Place, ...]
    case: MakeCase
    separated: bool


def judge_stages(sides: Sides, names: Sequence[str]) -> tuple[StageResult, ...]:
    """Judge the stages of these names.

    Raises:
        UsageError: If a name is no module, or the candidate is not live.
    """
    runner, inputs = sides.runs.cand_runner, sides.runs.inputs_cand
    if runner is None or inputs is None:
        hint = "give the model in place of its trace, or --cand-model"
        raise UsageError("needs a live candidate", where="--stages", hint=hint)
    judge = Stages(runner, inputs, sides.ref, sides.cand, sides.alignment, sides.floor)
    return tuple(judge.judge(stage_pairs(names, sides.ref, sides.alignment)))


def locate_free(sides: Sides, readings: Readings) -> Located:
    """Places in the candidate's own run: the first fault, and others only on branches of their own."""

    def make(place: Place) -> LayerCase | None:
        return _case(sides, sides.runs.ref, sides.runs.cand, place)

    return Located(
        readings, tuple(locate(sides.ref, readings, forced=False)), make, separated=False
    )


def locate_forced(sides: Sides, stages: Sequence[StageResult] = ()) -> Located | None:
    """Places in a run of the candidate on the reference's tensors; if only the reference can be run so, the reverse.

    Args:
        stages: Judged before; only what lies in guilty ones, or in none, is looked into.

    Returns:
        None where neither side is live.

    Raises:
        UsageError, TargetError: If the model cannot be run so.
    """
    pairs = tuple(
        pair for pair in sides.alignment.pairs if inside(pair.a, stages) or _is_stage(pair, stages)
    )
    alignment = replace(sides.alignment, pairs=pairs)
    runs = sides.runs
    if runs.cand_runner is not None and runs.inputs_cand is not None:
        try:
            return _forced_candidate(sides, alignment, runs.cand_runner, runs.inputs_cand)
        except AuscultError:
            if runs.ref_runner is None or runs.inputs is None:
                raise
    if runs.ref_runner is None or runs.inputs is None:
        return None
    return _forced_reference(sides, alignment, runs.ref_runner, runs.inputs)


def _forced_candidate(
    sides: Sides, alignment: LayerAlignment, runner: Runner, inputs: Inputs
) -> Located:
    runs = sides.runs
    run = forced.run_candidate(runner, inputs, sides.ref, sides.cand, alignment)
    local = local_floor(sides, runs.ref)
    readings = read(sides.ref, Side.of(run), alignment, local, own=True)
    inject = Injection(runner, sides.ref, sides.cand, alignment.orders, local, sides.floor)
    places = inject.confirm(locate(sides.ref, readings, forced=True), readings)

    def make(place: Place) -> LayerCase | None:
        pair, call = place.reading.pair, place.reading.call_cand
        view = forced.own_view(run, pair.b, call) if place.reading.is_output else run
        return _case(sides, runs.ref, view, place)

    return Located(readings, tuple(places), make, separated=True)


def _forced_reference(
    sides: Sides, alignment: LayerAlignment, runner: Runner, inputs: Inputs
) -> Located:
    run = forced.run_reference(runner, inputs, sides.ref, sides.cand, alignment)
    right = forced.own_view(run)
    side = Side.of(right)
    readings = read(side, sides.cand, alignment, local_floor(sides, run))

    def make(place: Place) -> LayerCase | None:
        return _case(sides, right, sides.runs.cand, place)

    return Located(readings, tuple(locate(side, readings, forced=True)), make, separated=True)


def _is_stage(pair: LayerPair, stages: Iterable[StageResult]) -> bool:
    return any(pair.a == stage.path_ref for stage in stages)


def _case(sides: Sides, ref: Trace, cand: Trace, place: Place) -> LayerCase | None:
    pair, reading = place.reading.pair, place.reading
    if pair.join == "concat":
        return None
    if reading.is_output and (case := _before_norm(sides, ref, cand, place)) is not None:
        return case
    path_ref, path_cand = (pair.a, pair.b) if reading.is_output else (pair.ref[0], pair.cand[0])
    return _case_of(sides, ref, cand, place, path_ref, path_cand)


def _case_of(  # noqa: PLR0917
    sides: Sides, ref: Trace, cand: Trace, place: Place, path_ref: str, path_cand: str
) -> LayerCase | None:
    reading = place.reading
    return case_at(
        ref,
        cand,
        path_ref,
        path_cand,
        reading.role,
        reading.call,
        sides.alignment.names,
        sides.runs.ref_runner,
        role_cand=reading.role_cand,
        call_cand=reading.call_cand,
        usual=sides.alignment.orders,
    )


def _before_norm(sides: Sides, ref: Trace, cand: Trace, place: Place) -> LayerCase | None:
    """Of a layer with a batch norm behind it, which the candidate has folded into one: the layer's own output, unfolded."""
    pair, runner = place.reading.pair, sides.runs.ref_runner
    if runner is None or len(pair.ref) != 2 or len(pair.cand) != 1:
        return None
    case = _case_of(sides, ref, cand, place, pair.ref[0], pair.b)
    if case is None:
        return None
    given = before_batch_norm(runner.module(pair.a), runner.weights(pair.a), case.candidate)
    return None if given is None else replace(case, candidate=given.astype(case.reference.dtype))


def local_floor(sides: Sides, trace: Trace) -> Floor:
    """What rounding does within one layer: the reference at a second precision on the very tensors of that trace.

    Where it cannot be measured, the floor of the whole run is taken, which lies above it.
    """
    runs, floor = sides.runs, sides.floor
    if runs.ref_runner is None or runs.inputs is None or floor.how != "measured":
        return floor
    dtype = second_precision(runs.ref_runner.dtype, dtype_of(runs.cand))
    try:
        second = forced.run_again(runs.ref_runner.at(dtype), runs.inputs, trace)
    except AuscultError:
        return floor
    return measured(
        forced.own_view(trace), forced.own_view(second), least(runs.ref, runs.cand), floor.what
    )


def described(
    results: Sequence[LayerResult], steps: Iterable[StepsResult]
) -> tuple[LayerResult, ...]:
    """The results, with what stepping said at the modules that are called again and again."""
    chaotic = {step.pair.a: step for step in steps if step.verdict == "chaotic"}
    return tuple(
        replace(result, explanations=(_chaos(chaotic[result.path_ref]), *result.explanations))
        if result.path_ref in chaotic and not result.born
        else result
        for result in results
    )


def _chaos(step: StepsResult) -> Explanation:
    evidence: dict[str, object] = {"steps": step.steps}
    if step.flip is not None:
        evidence |= {
            "step": step.flip.step,
            "margin": step.flip.margin,
            "score_error": step.flip.error,
        }
    return Explanation("chaotic", says=step.says, reproduced=False, evidence=evidence)
