"""Two draws of one distribution."""

from __future__ import annotations

from dataclasses import replace

from auscult.explain.case import LayerCase
from auscult.explain.mistakes import load_mistake
from auscult.explain.try_mistakes import collect_explanations
from auscult.weights import ModuleInfo
from tests.explain.planted import FLOOR, assert_explained, draw

CASE = LayerCase("", ModuleInfo("", "Sampler"), draw(0, 1, 4, 200), draw(1, 1, 4, 200), "noise")


def test_another_draw() -> None:
    assert abs(assert_explained("noise-differs", CASE).parameters["correlation"]) < 0.2


def test_a_draw_of_another_size_is_another_fault() -> None:
    louder = replace(CASE, candidate=2 * CASE.candidate)
    assert collect_explanations(load_mistake("PAR002"), louder, FLOOR) == []


def test_no_noise_where_both_runs_recorded_that_they_draw_none() -> None:
    silent = replace(CASE, role="output", draws_noise=False)
    assert collect_explanations(load_mistake("PAR002"), silent, FLOOR) == []
    assert_explained("noise-differs", replace(silent, draws_noise=True))
