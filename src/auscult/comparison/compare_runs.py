"""Two runs compared: aligned, held against the noise floor, and the layers named in which an error is born."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from auscult.align.records import Alignment
from auscult.comparison.align.layers import align_layers
from auscult.comparison.align.pairs import LayerAlignment
from auscult.comparison.explained_places import results_of
from auscult.comparison.locate.places import Place
from auscult.comparison.locate.runs import (
    Located,
    Progress,
    Runs,
    Sides,
    described,
    judge_stages,
    locate_forced,
    locate_free,
)
from auscult.comparison.measure.floor import MOST, Floor, best_floor
from auscult.comparison.measure.readings import Reading, Readings, read
from auscult.comparison.modules import Side
from auscult.comparison.results import LayerResult
from auscult.comparison.stages import StageResult
from auscult.comparison.steps import Steps, StepsResult, iterated
from auscult.errors import AuscultError
from auscult.finding import Skip
from auscult.runtime.runner import Runner
from auscult.weights import Array, Checkpoint


@dataclass(frozen=True, eq=False)
class Comparison:
    """What comparing two runs said.

    Attributes:
        readings: Of the candidate's own run.
        results: One per pair in the reference's order of execution; behind them further places of pairs that have two.
        separated: Whether born and grown were told apart for every layer, by running one side on the other's tensors.
        stages: Where stages were asked for.
        steps: One per module that is called again and again.
        skips: What could not be done, and why.
    """

    runs: Runs
    alignment: LayerAlignment
    floor: Floor
    readings: Readings
    places: tuple[Place, ...]
    results: tuple[LayerResult, ...]
    separated: bool
    stages: tuple[StageResult, ...] = ()
    steps: tuple[StepsResult, ...] = ()
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
        """Whether rounding decided otherwise at some step: the outputs part, although no error is born anywhere.

        In a model without steps too, where the reference at a second precision is as far from itself.
        """
        chance = any(steps.verdict == "chaotic" for steps in self.steps) or (
            self.separated and any(reading.limit >= MOST for reading in self.readings.all)
        )
        other_counts = any(
            steps.steps != steps.calls_cand and steps.verdict != "chaotic" for steps in self.steps
        )
        return chance and not other_counts and not any(result.born for result in self.results)

    @property
    def outputs_agree(self) -> bool | None:
        """Whether the whole model's output agrees; None where it was not compared."""
        found = [
            reading
            for reading in self.readings.all
            if reading.is_output and reading.pair.by == "root"
        ]
        if not found:
            found = [reading for reading in self.readings.all if reading.is_output][-1:]
        return None if not found else not any(reading.differs for reading in found)


def compare_runs(
    runs: Runs,
    *,
    overrides: Mapping[str, str] | None = None,
    floor: Floor | None = None,
    substitute: bool = True,
    stages: Sequence[str] = (),
    progress: Progress | None = None,
) -> Comparison:
    """Compare two runs.

    Args:
        overrides: Reference path to candidate path, for pairs that hold in any case.
        floor: Instead of the measured or estimated one.
        substitute: Run one side on the other's tensors, where there is a live model, to tell born from grown.
        stages: Names of modules to judge first; layers are then looked into in the guilty ones alone. Needs a live candidate.

    Raises:
        UsageError: If an override or a stage names no layer, or stages are asked for without a live candidate.
    """
    tick = progress or (lambda *_: None)
    tick(0, 4, "aligning layers")
    alignment = aligned(runs, overrides or {})
    tick(1, 4, "measuring the noise floor")
    why = ""
    if floor is None:
        floor, why = best_floor(runs.ref, runs.cand, runs.ref_runner, runs.inputs)
    skips = [
        *alignment.skips,
        *([Skip("noise floor", f"{floor.what}: {why}")] if why and runs.ref_runner else []),
    ]
    sides = Sides(runs, Side.of(runs.ref), Side.of(runs.cand), alignment, floor)
    readings = read(sides.ref, sides.cand, alignment, floor)
    tick(2, 4, "locating")
    judged = judge_stages(sides, stages) if stages else ()
    located = locate_free(sides, readings)
    if substitute and any(reading.differs for reading in readings.all):
        try:
            located = locate_forced(sides, judged) or located
        except AuscultError as error:
            skips.append(
                Skip(
                    "substitution",
                    f"the model could not be run on the other side's tensors: {error}",
                )
            )
    if not located.separated:
        located = before_chance(sides, readings, located)
    tick(3, 4, "explaining")
    results, more = results_of(sides, readings, located)
    born = frozenset(result.path_ref for result in results if result.born)
    judge = Steps(
        sides.ref, sides.cand, readings, located.readings if located.separated else None, born
    )
    steps = tuple(judge.judge(pair) for pair in iterated(sides.ref, alignment))
    tick(4, 4, "done")
    return Comparison(
        runs,
        alignment,
        floor,
        readings,
        located.places,
        described(results, steps),
        located.separated,
        judged,
        steps,
        (*skips, *more, *_uncompared_calls(sides)),
    )


def before_chance(sides: Sides, readings: Readings, located: Located) -> Located:
    """Without the places behind a choice that rounding may have turned: nothing there has the reference's state."""
    judge = Steps(sides.ref, sides.cand, readings, None, frozenset())
    flips = [
        flip
        for pair in iterated(sides.ref, sides.alignment)
        if (flip := judge.find_flip(pair)) and flip.is_chance
    ]
    first = min((flip.order for flip in flips), default=None)
    if first is None:
        return located
    return replace(
        located, places=tuple(place for place in located.places if place.reading.order < first)
    )


def _uncompared_calls(sides: Sides) -> Iterator[Skip]:
    for pair in sides.alignment.pairs:
        mine, theirs = sides.ref.modules[pair.a].calls, sides.cand.modules[pair.b].calls
        if mine != theirs:
            yield Skip(
                pair.a,
                f"called {mine} times by the reference and {theirs} times by the candidate: the rest has no partner",
            )


def aligned(runs: Runs, overrides: Mapping[str, str]) -> LayerAlignment:
    """The alignment of the two runs; by the weights themselves where the manifests leave modules open."""
    found = align_layers(runs.ref, runs.cand, overrides)
    open_weights = [path for path in found.only_in_ref if path in runs.ref.manifest.weights]
    open_weights += [path for path in found.only_in_cand if path in runs.cand.manifest.weights]
    if runs.ref_runner is None or runs.cand_runner is None or not (open_weights or found.doubts):
        return found
    return align_layers(
        runs.ref, runs.cand, overrides, weights_of_both(runs.ref_runner, runs.cand_runner)
    )


def weights_of_both(ref: Runner, cand: Runner) -> Alignment:
    """The content alignment of all that the modules of two live models own."""
    from auscult.align import align

    return align(*(Checkpoint.of(_parameters(runner), runner.name) for runner in (ref, cand)))


def _parameters(runner: Runner) -> dict[str, Array]:
    return {
        f"{path}.{name}": array
        for path in runner.paths()
        for name, array in runner.weights(path).items()
    }
