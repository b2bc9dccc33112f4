"""Ids that are an argmax, of which one flips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.explain.case import LayerCase
from auscult.explain.mistakes import load_mistake
from auscult.explain.try_mistakes import collect_explanations
from auscult.weights import ModuleInfo
from tests.explain.planted import FLOOR, assert_explained, draw


def make_case(margin: float) -> LayerCase:
    """The second best score of the first frame lies that far below the best."""
    scores = draw(0, 1, 9, 12)
    ids = scores.argmax(-1)
    second = int(np.argsort(scores[0, 0])[-2])
    scores[0, 0, second] = scores[0, 0, ids[0, 0]] - margin
    flipped = ids.copy()
    flipped[0, 0] = second
    info = ModuleInfo("embed", "Embedding")
    return LayerCase("embed", info, ids, flipped, "input", context={"head:output": scores})


def test_a_near_tie_flips() -> None:
    case = make_case(1e-6)
    correct = replace(case, candidate=case.reference.copy())
    assert assert_explained("chaotic", case, correct).parameters == {"flips": 1}


def test_a_clear_choice_that_flips_is_no_chance() -> None:
    assert collect_explanations(load_mistake("PAR003"), make_case(0.5), FLOOR) == []
