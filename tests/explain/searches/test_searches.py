"""A search runs once per place, until every mistake was tried."""

from __future__ import annotations

from auscult.explain.case import LayerCase
from auscult.explain.searches import run_once_per_case
from auscult.explain.try_mistakes import explain_case
from tests.explain.planted import draw_even, place

CALLS: list[float] = []


@run_once_per_case
def search_here(case: LayerCase, floor: float) -> int:
    CALLS.append(floor)
    return len(case.context)


def test_a_search_runs_once() -> None:
    case = place(draw_even(0, 2, 3), draw_even(1, 2, 3))
    assert [search_here(case, 0.0), search_here(case, 0.0)] == [0, 0]
    assert CALLS == [0.0]
    search_here(case, 1e-3)
    search_here(place(case.reference, case.candidate), 0.0)
    assert CALLS == [0.0, 1e-3, 0.0]


def test_a_case_keeps_nothing_behind() -> None:
    case = place(draw_even(0, 2, 6, 40), draw_even(1, 2, 6, 40), x=draw_even(2, 2, 6, 40))
    explain_case(case, 1e-6)
    assert case.searched == {}
