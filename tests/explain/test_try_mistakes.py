"""The simplest explanation that reproduces stands first, with its rivals."""

from __future__ import annotations

import numpy as np

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.try_mistakes import MAX_EXPLANATIONS, explain_case
from auscult.weights import Array, ModuleInfo
from tests.hand_made import make_noise

X = make_noise(2, 4, 60)


def explain(reference: Array, candidate: Array, *expected: str) -> tuple[Explanation, ...]:
    module = ModuleInfo("act", "LeakyReLU", {"negative_slope": 0.1})
    inputs = {"input": X}
    case = LayerCase("act", module, reference, candidate, inputs=inputs, context={"act:input": X})
    return explain_case(case, 1e-7, expected)


def leaky(slope: float) -> Array:
    return np.where(X >= 0, X, np.float32(slope) * X)


def test_equal_tensors_need_none() -> None:
    assert explain(leaky(0.1), leaky(0.1)) == ()


def test_what_reproduces_stands_before_what_describes() -> None:
    explanations = explain(leaky(0.1), leaky(0.3))
    assert explanations[0].cause == "leaky-slope"
    assert explanations[0].reproduced
    assert explanations[0].residual < 1e-6
    order = [explanation.reproduced for explanation in explanations]
    assert order == sorted(order, reverse=True)
    assert len(explanations) <= MAX_EXPLANATIONS


def test_an_expected_cause_says_the_same() -> None:
    assert explain(leaky(0.1), leaky(0.3), "leaky-slope")[0].cause == "leaky-slope"


def test_noise_is_not_reproduced_by_anything() -> None:
    explanations = explain(leaky(0.1), make_noise(2, 4, 60, seed=3))
    assert not any(explanation.reproduced for explanation in explanations)
