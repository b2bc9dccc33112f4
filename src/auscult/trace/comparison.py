"""Two runs compared: aligned, held against the noise floor, and the layers named in which an error is born."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from auscult.align.records import Alignment
from auscult.errors import AuscultError
from auscult.finding import Skip
from auscult.trace import forced
from auscult.trace.align import align_layers
from auscult.trace.case import Explanation, LayerCase
from auscult.trace.cases import case_at
from auscult.trace.explain import explain
from auscult.trace.floor import Floor, best_floor, dtype_of, least, measured, second_precision
from auscult.trace.locate import Place, locate
from auscult.trace.modules import Side
from auscult.trace.pairs import LayerAlignment, LayerPair
from auscult.trace.readings import Reading, Readings, read
from auscult.trace.records import Trace
from auscult.trace.results import LayerResult
from auscult.trace.runner import Runner
from auscult.weights import Array, Checkpoint

Progress = Callable[[int, int, str], None]
Inputs = Mapping[str, Array]

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
class Comparison:
    """What comparing two runs said.

    Attributes:
        readings: Of the candidate's own run.
        results: One per pair in the reference's order of execution; behind them further places of pairs that have two.
        separated: Whether born and grown were told apart for every layer, by running one side on the other's tensors.
        skips: What could not be done, and why.
    """

    runs: Runs
    alignment: LayerAlignment
    floor: Floor
    readings: Readings
    places: tuple[Place, ...]
    results: tuple[LayerResult, ...]
    separated: bool
    skips: tuple[Skip, ...] = ()

    @property
    def first(self) -> Reading | None:
        """The first tensor that differs in the candidate's own run, in the reference's order of execution."""
        return next((reading for reading in self.readings.all if reading.differs), None)

    @property
    def inputs_differ(self) -> bool:
        """Whether the two runs were given different things."""
        return any(reading.differs for reading in self.readings.inputs("", 0))

    @property
    def is_permuted(self) -> bool:
        """Whether the candidate keeps another order of axes."""
        return any(order != tuple(range(rank)) for rank, order in self.alignment.orders.items())

    @property
    def is_chaotic(self) -> bool:
        """Whether the outputs part although no error is born anywhere: rounding decided otherwise at some step."""
        return self.separated and not any(result.born for result in self.results)

    @property
    def outputs_agree(self) -> bool | None:
        """Whether the whole model's output agrees; None where it was not compared."""
        found = [reading for reading in self.readings.all if reading.is_output and reading.pair.by == "root"]
        if not found:
            found = [reading for reading in self.readings.all if reading.is_output][-1:]
        return None if not found else not any(reading.differs for reading in found)


def compare_runs(
    runs: Runs,
    *,
    overrides: Mapping[str, str] | None = None,
    floor: Floor | None = None,
    substitute: bool = True,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two runs.

    Args:
        overrides: Reference path to candidate path, for pairs that hold in any case.
        floor: Instead of the measured or estimated one.
        substitute: Run one side on the other's tensors, where there is a live model, to tell born from grown.

    Raises:
        UsageError: If an override names no layer.
    """
    tick = progress or (lambda *_: None)
    tick(0, 4, "aligning layers")
    alignment = aligned(runs, overrides or {})
    tick(1, 4, "measuring the noise floor")
    why = ""
    if floor is None:
        floor, why = best_floor(runs.ref, runs.cand, runs.ref_runner, runs.inputs)
    ref, cand = Side.of(runs.ref), Side.of(runs.cand)
    readings = read(ref, cand, alignment, floor)
    tick(2, 4, "locating")
    skips = [*alignment.skips, *([Skip("noise floor", f"{floor.what}: {why}")] if why and runs.ref_runner else [])]
    work = _Located(readings, tuple(locate(ref, readings, forced=False)), _free_case(runs, alignment), floor, separated=False)
    if any(reading.differs for reading in readings.all) and substitute:
        try:
            work = _forced(runs, ref, cand, alignment, floor) or work
        except AuscultError as error:
            skips.append(Skip("substitution", f"the model could not be run on the other side's tensors: {error}"))
    tick(3, 4, "explaining")
    results, more = _results(alignment, readings, work)
    tick(4, 4, "done")
    return Comparison(runs, alignment, floor, readings, work.places, results, work.separated, (*skips, *more))


def aligned(runs: Runs, overrides: Mapping[str, str]) -> LayerAlignment:
    """The alignment of the two runs; by the weights themselves where the manifests leave modules open."""
    found = align_layers(runs.ref, runs.cand, overrides)
    open_weights = [path for path in found.only_in_ref if path in runs.ref.manifest.weights]
    open_weights += [path for path in found.only_in_cand if path in runs.cand.manifest.weights]
    if runs.ref_runner is None or runs.cand_runner is None or not (open_weights or found.doubts):
        return found
    return align_layers(runs.ref, runs.cand, overrides, weights_of_both(runs.ref_runner, runs.cand_runner))


def weights_of_both(ref: Runner, cand: Runner) -> Alignment:
    """The content alignment of all that the modules of two live models own."""
    from auscult.align import align

    return align(*(Checkpoint.of(_parameters(runner), runner.name) for runner in (ref, cand)))


def _parameters(runner: Runner) -> dict[str, Array]:
    return {f"{path}.{name}": array for path in runner.paths() for name, array in runner.weights(path).items()}


MakeCase = Callable[[Place], LayerCase | None]


@dataclass(frozen=True, eq=False)
class _Located:
    """Where errors are born, by which readings, and how to make cases of the places."""

    readings: Readings
    places: tuple[Place, ...]
    case: MakeCase
    floor: Floor
    separated: bool


def _free_case(runs: Runs, alignment: LayerAlignment) -> MakeCase:
    def make(place: Place) -> LayerCase | None:
        return _case(runs.ref, runs.cand, place, alignment, runs.ref_runner)

    return make


def _case(ref: Trace, cand: Trace, place: Place, alignment: LayerAlignment, runner: Runner | None) -> LayerCase | None:
    pair, reading = place.reading.pair, place.reading
    if pair.join == "concat":
        return None
    path_cand = pair.b if reading.is_output else pair.cand[0]
    path_ref = pair.a if reading.is_output else pair.ref[0]
    return case_at(
        ref,
        cand,
        path_ref,
        path_cand,
        reading.role,
        reading.call,
        alignment.names,
        runner,
        role_cand=reading.role_cand,
        usual=alignment.orders,
    )


def _forced(runs: Runs, ref: Side, cand: Side, alignment: LayerAlignment, floor: Floor) -> _Located | None:
    """One side run on the other's tensors: the candidate on the reference's, or if only the reference is live, the reverse."""
    if runs.cand_runner is not None and runs.inputs_cand is not None:
        run = forced.run_candidate(runs.cand_runner, runs.inputs_cand, ref, cand, alignment)
        local = _local_floor(runs, runs.ref, floor)
        readings = read(ref, Side.of(run), alignment, local, own=True)

        def make(place: Place) -> LayerCase | None:
            reading = place.reading
            view = forced.own_view(run, reading.pair.b, reading.call) if reading.is_output else run
            return _case(runs.ref, view, place, alignment, runs.ref_runner)

        return _Located(readings, tuple(locate(ref, readings, forced=True)), make, local, separated=True)
    if runs.ref_runner is None or runs.inputs is None:
        return None
    run = forced.run_reference(runs.ref_runner, runs.inputs, ref, cand, alignment)
    right = forced.own_view(run)
    local = _local_floor(runs, run, floor)
    side = Side.of(right)
    readings = read(side, cand, alignment, local)

    def reverse(place: Place) -> LayerCase | None:
        return _case(right, runs.cand, place, alignment, runs.ref_runner)

    return _Located(readings, tuple(locate(side, readings, forced=True)), reverse, local, separated=True)


def _local_floor(runs: Runs, trace: Trace, floor: Floor) -> Floor:
    """What rounding does within one layer: the reference at a second precision on the very tensors of that trace.

    Where it cannot be measured, the floor of the whole run is taken, which lies above it.
    """
    if runs.ref_runner is None or runs.inputs is None or floor.how != "measured":
        return floor
    dtype = second_precision(runs.ref_runner.dtype, dtype_of(runs.cand))
    try:
        second = forced.run_again(runs.ref_runner.at(dtype), runs.inputs, trace)
    except AuscultError:
        return floor
    return measured(forced.own_view(trace), forced.own_view(second), least(runs.ref, runs.cand), floor.what)


def _results(alignment: LayerAlignment, readings: Readings, work: _Located) -> tuple[tuple[LayerResult, ...], list[Skip]]:
    explained: dict[LayerPair, list[LayerResult]] = {}
    skips = []
    for count, place in enumerate(work.places):
        case = work.case(place)
        explanations: tuple[Explanation, ...] = ()
        if case is not None and count < MAX_EXPLAINED:
            explanations = explain(case, place.reading.floor)
        elif case is not None:
            skips.append(Skip(place.key, f"its cause was not looked for: {MAX_EXPLAINED} places before it were explained"))
        if place.certain or any(one.reproduced for one in explanations):
            result = LayerResult(
                place.path,
                place.reading.pair.b,
                place.reading.error,
                place.reading.floor,
                born=True,
                case=case,
                explanations=explanations,
            )
            explained.setdefault(place.reading.pair, []).append(result)
    results, more = [], []
    for pair in alignment.pairs:
        worst = readings.worst_output(pair.a)
        if worst is None:
            continue
        born = explained.get(pair, [])
        if born:
            results.append(replace(born[0], error=worst.error, floor=worst.floor))
            more += born[1:]
        else:
            grown = worst.differs and work.separated
            results.append(LayerResult(pair.a, pair.b, worst.error, worst.floor, grown=grown))
    return (*results, *more), skips
