"""The case of a place holds what both sides had there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.comparison.locate.place_cases import build_located_case
from auscult.comparison.locate.places import FaultPlace, locate_faults
from auscult.comparison.measure.tensor_comparisons import compare_tensors
from tests.comparison.locate.test_runs import REF, WRONG, A, X, make_sides


def locate_first_place() -> FaultPlace:
    sides = make_sides(WRONG)
    comparisons = compare_tensors(sides.reference, sides.candidate, sides.alignment, sides.floor)
    (place,) = locate_faults(sides.reference, comparisons, forced=False)
    return place


def test_the_case_has_both_outputs_and_the_reference_s_input() -> None:
    case = build_located_case(make_sides(WRONG), REF, WRONG, locate_first_place())
    assert case is not None
    assert (case.path, case.role) == ("a", "output")
    assert np.array_equal(case.reference, A)
    assert np.array_equal(case.candidate, 2 * A)
    assert case.input is not None
    assert np.array_equal(case.input, X)


def test_a_concatenation_of_several_modules_has_no_case() -> None:
    place = locate_first_place()
    pair = replace(place.comparison.pair, join="concat")
    joined_place = replace(place, comparison=replace(place.comparison, pair=pair))
    assert build_located_case(make_sides(WRONG), REF, WRONG, joined_place) is None
