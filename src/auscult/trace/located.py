"""From readings to results: where errors are born, what explains each, and what is said of every layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from auscult.errors import AuscultError, UsageError
from auscult.finding import Skip
from auscult.trace import forced
from auscult.trace.case import Explanation, LayerCase
from auscult.trace.cases import case_at
from auscult.trace.explain import explain
from auscult.trace.floor import Floor, dtype_of, least, measured, second_precision
from auscult.trace.inject import Injection
from auscult.trace.locate import Place, locate
from auscult.trace.modules import Side
from auscult.trace.pairs import LayerAlignment, LayerPair
from auscult.trace.readings import Readings, read
from auscult.trace.records import Trace
from auscult.trace.results import LayerResult
from auscult.trace.runner import Runner
from auscult.trace.stages import StageResult, Stages, inside, stage_pairs
from auscult.trace.steps import StepsResult
from auscult.trace.unloaded import explanation_of, loaded, noisy_pairs
from auscult.weights import Array

Progress = Callable[[int, int, str], None]
Inputs = Mapping[str, Array]
MakeCase = Callable[[Place], "LayerCase | None"]

MAX_EXPLAINED = 24
"""Places that are explained; a fault that is written once and called often shows at many."""


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

    return Located(readings, tuple(locate(sides.ref, readings, forced=False)), make, separated=False)


def locate_forced(sides: Sides, stages: Sequence[StageResult] = ()) -> Located | None:
    """Places in a run of the candidate on the reference's tensors; if only the reference can be run so, the reverse.

    Args:
        stages: Judged before; only what lies in guilty ones, or in none, is looked into.

    Returns:
        None where neither side is live.

    Raises:
        UsageError, TargetError: If the model cannot be run so.
    """
    pairs = tuple(pair for pair in sides.alignment.pairs if inside(pair.a, stages) or _is_stage(pair, stages))
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


def _forced_candidate(sides: Sides, alignment: LayerAlignment, runner: Runner, inputs: Inputs) -> Located:
    runs = sides.runs
    run = forced.run_candidate(runner, inputs, sides.ref, sides.cand, alignment)
    local = local_floor(sides, runs.ref)
    readings = read(sides.ref, Side.of(run), alignment, local, own=True)
    inject = Injection(runner, sides.ref, sides.cand, alignment.orders, local, sides.floor)
    places = inject.confirm(locate(sides.ref, readings, forced=True), readings)

    def make(place: Place) -> LayerCase | None:
        pair, call = place.reading.pair, place.reading.call
        view = forced.own_view(run, pair.b, call) if place.reading.is_output else run
        return _case(sides, runs.ref, view, place)

    return Located(readings, tuple(places), make, separated=True)


def _forced_reference(sides: Sides, alignment: LayerAlignment, runner: Runner, inputs: Inputs) -> Located:
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
    return case_at(
        ref,
        cand,
        pair.a if reading.is_output else pair.ref[0],
        pair.b if reading.is_output else pair.cand[0],
        reading.role,
        reading.call,
        sides.alignment.names,
        sides.runs.ref_runner,
        role_cand=reading.role_cand,
        usual=sides.alignment.orders,
    )


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
    return measured(forced.own_view(trace), forced.own_view(second), least(runs.ref, runs.cand), floor.what)


def results_of(sides: Sides, readings: Readings, located: Located) -> tuple[tuple[LayerResult, ...], list[Skip]]:
    """One result per pair, behind them further places of pairs that have two; and places whose cause was not looked for."""
    born: dict[LayerPair, list[LayerResult]] = {}
    skips = []
    causes: dict[str, None] = {}
    weights = loaded(sides.ref, sides.cand, sides.alignment)
    for count, place in enumerate(located.places):
        pair, reading = place.reading.pair, place.reading
        case = located.case(place)
        found: tuple[Explanation, ...] = ()
        if case is not None and count < MAX_EXPLAINED:
            found = explain(case, reading.floor, tuple(causes))
            causes |= dict.fromkeys(one.cause for one in found[:1] if one.reproduced)
        elif case is not None:
            skips.append(Skip(place.key, f"its cause was not looked for: {MAX_EXPLAINED} places before it were explained"))
        if not (place.certain or any(one.reproduced for one in found)):
            continue
        other_weights = explanation_of(weights, pair.a) if reading.is_output else None
        if other_weights is not None and not any(one.reproduced and one.cause != "noise-differs" for one in found):
            found = (other_weights, *found)
        result = LayerResult(pair.a, pair.b, reading.error, reading.floor, born=True, case=case, explanations=found)
        born.setdefault(pair, []).append(result)
    skips += _unjudged(sides, located)
    results, more = [], []
    noisy = dict(noisy_pairs(sides.ref, sides.cand, sides.alignment))
    for pair in sides.alignment.pairs:
        worst = readings.worst_output(pair.a)
        if worst is None:
            continue
        here = born.get(pair, [LayerResult(pair.a, pair.b, 0.0, 0.0, grown=worst.differs and located.separated)])
        first = replace(here[0], error=worst.error, floor=worst.floor)
        if pair in noisy and not any(one.reproduced for one in first.explanations):
            first = replace(first, explanations=(noisy[pair], *first.explanations))
        results.append(first)
        more += here[1:]
    return (*results, *more), skips


def _unjudged(sides: Sides, located: Located) -> Iterable[Skip]:
    """Composite modules that were handed something else even in a run on the other side's tensors."""
    if not located.separated:
        return
    for (path, call), group in located.readings.by_place.items():
        if call == 0 and path and path in sides.ref.children and any(r.differs and not r.is_output for r in group):
            reason = "is handed something else, so that its own code could not be judged: put that right and compare again"
            yield Skip(path, reason)


def described(results: Sequence[LayerResult], steps: Iterable[StepsResult]) -> tuple[LayerResult, ...]:
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
        evidence |= {"step": step.flip.step, "margin": step.flip.margin, "score_error": step.flip.error}
    return Explanation("chaotic", says=step.says, reproduced=False, evidence=evidence)
