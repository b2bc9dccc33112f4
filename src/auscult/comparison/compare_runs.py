"""Two runs compared.

In: two traces, with the live models behind them where there are any. Out: a `RunComparison`: the
layers aligned, every tensor compared with the noise floor, and the layers in which an error is
born, with what explains it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from auscult.align.records import WeightAlignment
from auscult.comparison.align.layers import align_layers
from auscult.comparison.align.pairs import LayerAlignment
from auscult.comparison.differing_calls import count_differing_calls, iter_uncompared_calls
from auscult.comparison.explained_places import explain_located_faults
from auscult.comparison.locate.aligned_sides import AlignedSides, ComparedRuns, LocatedFaults
from auscult.comparison.locate.places import FaultPlace
from auscult.comparison.locate.runs import (
    add_chaos_explanations,
    judge_stages,
    locate_forced,
    locate_free,
)
from auscult.comparison.locate.trusted_floor import distrust_large_floor
from auscult.comparison.measure.floor import MAX_FLOOR_LIMIT, NoiseFloor, find_best_floor
from auscult.comparison.measure.kernel_floor import raise_floor_for_kernels
from auscult.comparison.measure.tensor_comparisons import (
    TensorComparison,
    TensorComparisons,
    compare_tensors,
)
from auscult.comparison.modules import ModuleTree
from auscult.comparison.private_differences import (
    dismiss_private_differences,
    drop_invented_places,
)
from auscult.comparison.quantised_candidate import (
    CandidateQuantisation,
    get_rounded_output_error,
    undo_candidate_quantisation,
)
from auscult.comparison.results import LayerResult
from auscult.comparison.rounded_weights import WeightRounding, take_over_rounded_weights
from auscult.comparison.stages import StageResult
from auscult.comparison.steps import StepJudge, StepsResult, find_iterated_pairs
from auscult.errors import AuscultError
from auscult.facts.progress import Progress
from auscult.finding import Skip
from auscult.runtime.runner import Runner
from auscult.weights import Array, Checkpoint


@dataclass(frozen=True, eq=False)
class RunComparison:
    """What comparing two runs said.

    Attributes:
        comparisons: Of the candidate's own run.
        results: One per pair in the reference's order of execution; behind them further places of
            pairs that have two.
        separated: Whether born and grown were told apart for every layer, by running one side on
            the other's tensors.
        stages: Where stages were asked for.
        steps: One per module that is called again and again.
        skips: What could not be done, and why.
        rounding: What is known of the candidate's weights where they are the reference's, rounded;
            `runs` then has a reference with the same.
        quantisation: What is known of an int8 candidate's arithmetic; `runs` then has the
            float model that it stands for.
        rounded_output_error: Relative error that rounding alone makes at a candidate's output.
        calls_that_differ: Calls by the reference and by the candidate, by the reference's path,
            where they are not equally many.
    """

    runs: ComparedRuns
    alignment: LayerAlignment
    floor: NoiseFloor
    comparisons: TensorComparisons
    places: tuple[FaultPlace, ...]
    results: tuple[LayerResult, ...]
    separated: bool
    stages: tuple[StageResult, ...] = ()
    steps: tuple[StepsResult, ...] = ()
    skips: tuple[Skip, ...] = ()
    rounding: WeightRounding | None = None
    quantisation: CandidateQuantisation | None = None
    rounded_output_error: float | None = None
    calls_that_differ: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def first(self) -> TensorComparison | None:
        """The first tensor that differs in the candidate's own run, in the reference's order of
        execution.
        """
        return next((comparison for comparison in self.comparisons.all if comparison.differs), None)

    @property
    def inputs_differ(self) -> bool:
        """Whether the two runs were given different things."""
        return any(comparison.differs for comparison in self.comparisons.inputs("", 0))

    @property
    def is_permuted(self) -> bool:
        """Whether the candidate keeps another order of axes."""
        return any(order != tuple(range(rank)) for rank, order in self.alignment.orders.items())

    @property
    def is_chaotic(self) -> bool:
        """Whether rounding decided otherwise at some step: the outputs part, although no error is
        born anywhere.

        In a model without steps too, where the reference at a second precision is as far from
        itself.
        """
        is_chance = any(steps.verdict == "chaotic" for steps in self.steps) or (
            self.separated
            and any(comparison.limit >= MAX_FLOOR_LIMIT for comparison in self.comparisons.all)
        )
        has_other_counts = any(
            steps.steps != steps.candidate_calls and steps.verdict != "chaotic"
            for steps in self.steps
        )
        return (
            is_chance and not has_other_counts and not any(result.born for result in self.results)
        )

    @property
    def outputs_agree(self) -> bool | None:
        """Whether the whole model's output agrees; None where it was not compared."""
        outputs = [comparison for comparison in self.comparisons.all if comparison.is_output]
        if not outputs:
            return None
        whole_outputs = [comparison for comparison in outputs if comparison.pair.by == "root"]
        if not whole_outputs and self._has_whole_output():
            return None
        return not any(comparison.differs for comparison in whole_outputs or outputs[-1:])

    def _has_whole_output(self) -> bool:
        """Whether a side's record has what the whole model gave, with nothing of the other's to compare it with."""
        return any(
            not record.path and record.role.startswith("output")
            for trace in (self.runs.reference, self.runs.candidate)
            for record in trace.records
        )


def compare_runs(
    runs: ComparedRuns,
    *,
    overrides: Mapping[str, str] | None = None,
    floor: NoiseFloor | None = None,
    substitute: bool = True,
    stages: Sequence[str] = (),
    progress: Progress | None = None,
) -> RunComparison:
    """Compare two runs.

    Args:
        overrides: Reference path to candidate path, for pairs that hold in any case.
        floor: Instead of the measured or estimated one.
        substitute: Run one side on the other's tensors, where there is a live model, to tell born
            from grown.
        stages: Names of modules to judge first; layers are then looked into in the guilty ones
            alone. Needs a live candidate.

    Raises:
        UsageError: If an override or a stage names no layer, or stages are asked for without a live
            candidate.
    """
    report_progress = progress or _ignore_progress
    report_progress(0, 4, "aligning layers")
    runs, quantisation, quantisation_skips = undo_candidate_quantisation(runs)
    alignment = align_runs(runs, overrides or {})
    report_progress(1, 4, "measuring the noise floor")
    rounding = None
    if floor is None:
        runs, rounding = take_over_rounded_weights(runs, alignment)
    floor, floor_skips = _choose_floor(runs, floor)
    trees = ModuleTree.of(runs.reference), ModuleTree.of(runs.candidate)
    floor = raise_floor_for_kernels(*trees, runs.candidate_runner, alignment, floor)
    for part in (rounding, quantisation):
        if part is not None:
            floor = replace(floor, what=f"{floor.what}; {part.says}")
    sides = AlignedSides(runs, *trees, alignment, floor)
    comparisons = compare_tensors(sides.reference, sides.candidate, alignment, floor)
    report_progress(2, 4, "locating")
    stage_results = judge_stages(sides, stages) if stages else ()
    located, location_skips = _locate_faults(
        sides, comparisons, stage_results, substitute=substitute
    )
    report_progress(3, 4, "explaining")
    results, explanation_skips = explain_located_faults(sides, comparisons, located)
    results, private_skips = dismiss_private_differences(sides.reference, comparisons, results)
    steps = _judge_steps(sides, comparisons, located, results)
    skips = (
        *quantisation_skips,
        *alignment.skips,
        *floor_skips,
        *location_skips,
        *explanation_skips,
        *private_skips,
    )
    calls_that_differ = count_differing_calls(sides)
    report_progress(4, 4, "done")
    return RunComparison(
        runs,
        alignment,
        floor,
        comparisons,
        located.places,
        add_chaos_explanations(results, steps),
        located.separated,
        stage_results,
        steps,
        (*skips, *iter_uncompared_calls(calls_that_differ)),
        rounding,
        quantisation,
        get_rounded_output_error(rounding, quantisation),
        calls_that_differ,
    )


def _ignore_progress(_done: int, _total: int, _what: str) -> None:
    """For a caller that shows none."""


def _choose_floor(
    runs: ComparedRuns, floor: NoiseFloor | None
) -> tuple[NoiseFloor, tuple[Skip, ...]]:
    """The floor that was given, or the best that can be found; and why it is not a measured one."""
    if floor is not None:
        return floor, ()
    floor, reason = find_best_floor(
        runs.reference, runs.candidate, runs.reference_runner, runs.inputs
    )
    if runs.reference_runner is None or runs.inputs is None:
        return floor, ()
    if not reason:
        return distrust_large_floor(
            runs.reference, runs.candidate, runs.reference_runner, runs.inputs, floor
        )
    return floor, (Skip("noise floor", f"{floor.what}: {reason}"),)


def _locate_faults(
    sides: AlignedSides,
    comparisons: TensorComparisons,
    stages: tuple[StageResult, ...],
    *,
    substitute: bool,
) -> tuple[LocatedFaults, tuple[Skip, ...]]:
    """The places at which errors are born, by a run on the other side's tensors where that can be
    done; and why it could not.
    """
    located: LocatedFaults | None = None
    skips: tuple[Skip, ...] = ()
    if substitute and any(comparison.differs for comparison in comparisons.all):
        try:
            located = locate_forced(sides, stages)
        except AuscultError as error:
            problem = f"the model could not be run on the other side's tensors: {error}"
            skips = (Skip("substitution", problem),)
    if located is not None:
        located = drop_invented_places(comparisons, located)
    else:
        located = drop_places_after_chance(sides, comparisons, locate_free(sides, comparisons))
    return located, skips


def _judge_steps(
    sides: AlignedSides,
    comparisons: TensorComparisons,
    located: LocatedFaults,
    results: Iterable[LayerResult],
) -> tuple[StepsResult, ...]:
    """What is said of each module that is called again and again."""
    born = frozenset(result.path_ref for result in results if result.born)
    forced_comparisons = located.comparisons if located.separated else None
    judge = StepJudge(sides.reference, sides.candidate, comparisons, forced_comparisons, born)
    return tuple(
        judge.judge(pair) for pair in find_iterated_pairs(sides.reference, sides.alignment)
    )


def drop_places_after_chance(
    sides: AlignedSides, comparisons: TensorComparisons, located: LocatedFaults
) -> LocatedFaults:
    """Without the places behind a choice that rounding may have turned: nothing there has the
    reference's state.
    """
    judge = StepJudge(sides.reference, sides.candidate, comparisons, None, frozenset())
    flips = [
        flip
        for pair in find_iterated_pairs(sides.reference, sides.alignment)
        if (flip := judge.find_flip(pair)) and flip.is_chance
    ]
    first = min((flip.order for flip in flips), default=None)
    if first is None:
        return located
    return replace(
        located, places=tuple(place for place in located.places if place.comparison.order < first)
    )


def align_runs(runs: ComparedRuns, overrides: Mapping[str, str]) -> LayerAlignment:
    """The alignment of the two runs; by the weights themselves where the manifests leave modules
    open.
    """
    alignment = align_layers(runs.reference, runs.candidate, overrides)
    open_weights = [
        path for path in alignment.only_in_ref if path in runs.reference.manifest.weights
    ]
    open_weights += [
        path for path in alignment.only_in_cand if path in runs.candidate.manifest.weights
    ]
    if (
        runs.reference_runner is None
        or runs.candidate_runner is None
        or not (open_weights or alignment.doubts)
    ):
        return alignment
    return align_layers(
        runs.reference,
        runs.candidate,
        overrides,
        align_weights(runs.reference_runner, runs.candidate_runner),
    )


def align_weights(reference: Runner, candidate: Runner) -> WeightAlignment:
    """The content alignment of all that the modules of two live models own."""
    from auscult.align import align

    return align(_collect_parameters(reference), _collect_parameters(candidate))


def _collect_parameters(runner: Runner) -> Checkpoint:
    arrays: dict[str, Array] = {}
    for path in runner.paths():
        arrays |= {f"{path}.{name}": array for name, array in runner.weights(path).items()}
    return Checkpoint.of(arrays, runner.name)
