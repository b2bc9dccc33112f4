"""From two runs to places, with and without a live model."""

from __future__ import annotations

import numpy as np

from auscult.comparison.align.layers import align_layers
from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.locate.aligned_sides import AlignedSides, ComparedRuns
from auscult.comparison.locate.runs import (
    add_chaos_explanations,
    locate_free,
)
from auscult.comparison.measure.floor import floor_from_error
from auscult.comparison.measure.tensor_comparisons import compare_tensors
from auscult.comparison.modules import ModuleTree
from auscult.comparison.results import LayerResult
from auscult.comparison.steps import StepFlip, StepsResult
from auscult.traces.records import Trace
from tests.hand_made import make_noise, make_trace

X, A, B = (make_noise(1, 8, seed=seed) for seed in range(3))
REF = make_trace([(":input", X), ("a:input", X), ("a", A), ("b:input", A), ("b", B), ("", B * 1)])


def make_sides(cand: Trace) -> AlignedSides:
    runs = ComparedRuns(REF, cand)
    alignment = align_layers(REF, cand)
    return AlignedSides(
        runs, ModuleTree.of(REF), ModuleTree.of(cand), alignment, floor_from_error(1e-3)
    )


WRONG = make_trace(
    [(":input", X), ("a:input", X), ("a", 2 * A), ("b:input", 2 * A), ("b", B), ("", B * 1)]
)


def test_from_files_the_first_fault_with_its_case() -> None:
    sides = make_sides(WRONG)
    comparisons = compare_tensors(sides.reference, sides.candidate, sides.alignment, sides.floor)
    located = locate_free(sides, comparisons)
    assert not located.separated
    (place,) = located.places
    assert place.key == "a#0:output"
    case = located.case(place)
    assert case is not None
    assert np.array_equal(case.reference, A)
    assert np.array_equal(case.candidate, 2 * A)
    assert case.input is not None
    assert np.array_equal(case.input, X)


def test_chance_is_said_of_the_module_that_is_called_again_and_again() -> None:
    flip = StepFlip(3, "head", 1e-7, 1e-6, 9)
    pair = LayerPair(("step",), ("step",), "name")
    chaotic = StepsResult(pair, 5, 5, (), (), "chaotic", "rounding decided", flip)
    quiet, born = LayerResult("step", "step", 0, 0), LayerResult("step", "step", 1, 0, born=True)
    (explained,) = add_chaos_explanations([quiet], [chaotic])
    (explanation,) = explained.explanations
    assert (explanation.cause, explanation.evidence["step"]) == ("chaotic", 3)
    assert add_chaos_explanations([born], [chaotic]) == (born,)
    assert add_chaos_explanations([LayerResult("b", "b", 0, 0)], [chaotic])[0].explanations == ()
