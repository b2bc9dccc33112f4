"""What the two sides write between their modules, and how little differs."""

from __future__ import annotations

import numpy as np

from auscult.explain.case import LayerCase
from auscult.explain.searches.wiring import find_wiring_differences
from auscult.explain.wiring_differences import WiringDifference
from auscult.weights import Array, ModuleInfo
from tests.hand_made import make_noise

A, B = make_noise(2, 4, 30), make_noise(2, 4, 30, seed=1)


def find_first(reference: Array, candidate: Array, **known: object) -> WiringDifference | None:
    case = LayerCase(
        "conv",
        ModuleInfo("conv", "Conv1d"),
        reference,
        candidate,
        role="input",
        context={"a": A, "b": B},
        **known,  # type: ignore[arg-type]
    )
    differences = find_wiring_differences(case, 1e-7)
    return differences[0] if differences else None


def test_one_step_that_differs() -> None:
    first = find_first(np.maximum(A + B, 0), A + B)
    assert first is not None
    assert first.parameters == {"reference": "relu(sum(a, b))", "candidate": "sum(a, b)"}
    assert first.steps == 1


def test_a_term_left_out() -> None:
    first = find_first(A + B, B)
    assert first is not None
    assert (first.parameters["candidate"], first.steps) == ("b", 1)


def test_a_norm_of_the_neighbourhood_that_the_candidate_applies_here() -> None:
    normed = (A - A.mean(1, keepdims=True)) / np.sqrt(A.var(1, keepdims=True) + 1e-5)
    norm = ModuleInfo("norm", "LayerNorm", {"eps": 1e-5})
    gains = {"weight": np.ones(4, np.float32), "bias": np.zeros(4, np.float32)}
    first = find_first(A, normed, attributes={"norm": norm}, relatives={"norm": gains})
    assert first is not None
    assert first.parameters == {"reference": "a", "candidate": "norm(a)"}


def test_no_reading_no_difference() -> None:
    assert find_first(A, make_noise(2, 4, 30, seed=5)) is None
