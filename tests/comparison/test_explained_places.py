"""What is said of every layer, once the places are known."""

from __future__ import annotations

import numpy as np

from auscult.comparison.align.layers import align_layers
from auscult.comparison.explained_places import MAX_EXPLAINED_PLACES, explain_located_faults
from auscult.comparison.locate.aligned_sides import AlignedSides, ComparedRuns, LocatedFaults
from auscult.comparison.locate.runs import locate_free
from auscult.comparison.measure.floor import floor_from_error
from auscult.comparison.measure.tensor_comparisons import compare_tensors
from auscult.comparison.modules import ModuleTree
from auscult.comparison.results import LayerResult
from auscult.finding import Skip
from auscult.traces.records import Trace
from auscult.weights import Array
from tests.hand_made import make_noise, make_trace

X, H = make_noise(1, 4, 50), make_noise(1, 4, 50, seed=1)


def leaky(x: Array, slope: float) -> Array:
    return np.where(x >= 0, x, np.float32(slope) * x)


def run(slope: float, factor: float = 1.0) -> Trace:
    y = leaky(X, slope) * np.float32(factor)
    return make_trace(
        [(":input", X), ("act:input", X), ("act", y), ("tail:input", y), ("tail", y * 2), ("", y)],
        types={"act": "LeakyReLU", "tail": "Linear", "": "Net"},
    )


def explain(
    cand: Trace, floor: float = 1e-4, times: int = 1
) -> tuple[tuple[LayerResult, ...], list[Skip]]:
    ref = run(0.1)
    sides = AlignedSides(
        ComparedRuns(ref, cand),
        ModuleTree.of(ref),
        ModuleTree.of(cand),
        align_layers(ref, cand),
        floor_from_error(floor),
    )
    comparisons = compare_tensors(sides.reference, sides.candidate, sides.alignment, sides.floor)
    located = locate_free(sides, comparisons)
    places = tuple(place for place in located.places for _ in range(times))
    return explain_located_faults(
        sides, comparisons, LocatedFaults(comparisons, places, located.case, separated=True)
    )


def test_the_place_is_explained_and_what_follows_is_grown() -> None:
    results, skips = explain(run(0.01))
    states = {result.path_ref: (result.born, result.grown) for result in results}
    assert states == {"act": (True, False), "tail": (False, True), "": (False, True)}
    (born,) = [result for result in results if result.born]
    assert born.explanations[0].cause == "leaky-slope"
    assert born.explanations[0].parameters == {
        "reference": "leaky_relu(0.1)",
        "candidate": "leaky_relu(0.01)",
    }
    assert [skip.where for skip in skips] == []


def test_the_same_run_has_nothing_born() -> None:
    results, skips = explain(run(0.1))
    assert not any(result.born or result.grown for result in results)
    assert skips == []


def test_a_small_error_without_a_cause_may_be_rounding() -> None:
    noisy = make_trace(
        [(":input", X), ("act:input", X), ("act", leaky(X, 0.1) + np.float32(2e-4) * H)],
        types={"act": "LeakyReLU"},
    )
    results, skips = explain(noisy)
    assert not any(result.born for result in results)
    assert ["rounding in another order" in skip.reason for skip in skips] == [True]


def test_a_place_is_looked_into_three_times_at_most() -> None:
    results, _ = explain(run(0.01), times=MAX_EXPLAINED_PLACES)
    assert sum(result.born for result in results) == 3
