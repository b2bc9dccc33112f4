"""What a place is called, and what came in first."""

from __future__ import annotations

import numpy as np

from auscult.explain.case import Explanation, LayerCase
from auscult.weights import ModuleInfo

X = np.ones(3)
MODULE = ModuleInfo("a.b", "Conv1d")


def test_a_place_and_its_input() -> None:
    case = LayerCase("a.b", MODULE, X, X, inputs={"input.mask": 2 * X, "input": X}, call=2)
    assert case.key == "a.b#2:output"
    assert case.input is X
    only_mask = LayerCase("a.b", MODULE, X, X, inputs={"input.mask": X})
    assert only_mask.input is X
    assert LayerCase("a.b", MODULE, X, X).input is None


def test_an_explanation_reproduces_unless_it_says_otherwise() -> None:
    explanation = Explanation("leaky-slope")
    assert (explanation.reproduced, explanation.complexity, explanation.rivals) == (True, 1, ())
    assert np.isnan(explanation.residual)
