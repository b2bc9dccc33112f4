"""A tensor as a short expression over those before it."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.explain.algebra.expressions import find_expressions
from auscult.weights import Array
from tests.hand_made import make_noise

A, B, C = (make_noise(2, 4, 30, seed=seed) for seed in range(3))
MASK = (np.arange(30) < 20).astype(np.float32)[None, None].repeat(2, 0)
CONTEXT = {"a": A, "b": B, "c": C, "mask": MASK}


def find_first(target: Array, context: dict[str, Array] = CONTEXT) -> str | None:
    expressions = find_expressions(target, context, 1e-6)
    return expressions[0].says if expressions else None


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (B, "b"),
        (A + B, "sum(a, b)"),
        (A - C, "difference(a, c)"),
        ((A + B + C) / 3, "mean(a, b, c)"),
        (np.maximum(A + B, 0), "relu(sum(a, b))"),
        (np.where(A >= 0, A, np.float32(0.1) * A), "leaky_relu(a, 0.1)"),
        (np.concatenate([B, A], 1), "concat(b, a)"),
        (A * MASK, "product(mask, a)"),
        ((A + B) * MASK, "masked sum(b, a, mask)"),
        (np.float32(0.25) * A, "0.25 * a"),
        (np.ascontiguousarray(A.transpose(0, 2, 1)), "a"),
    ],
)
def test_simple_wiring_is_read(target: Array, says: str) -> None:
    assert find_first(target) == says


def test_fitted_factors_come_last() -> None:
    first = find_expressions(3 * A - 2 * B, CONTEXT, 1e-6)[0]
    assert dict(zip(first.terms, first.factors, strict=True)) == {"a": 3.0, "b": -2.0}
    assert first.complexity > find_expressions(A + B, CONTEXT, 1e-6)[0].complexity


def test_what_is_none_is_not_read() -> None:
    assert find_first(make_noise(2, 4, 30, seed=9)) is None
    assert find_expressions(np.arange(3), CONTEXT, 1e-6) == []


def test_tensors_that_stand_alone() -> None:
    normed = make_noise(2, 4, 30, seed=7)
    assert find_expressions(normed, CONTEXT, 1e-6, {"norm(a)": normed})[0].terms == ("norm(a)",)
    assert find_expressions(normed + A, CONTEXT, 1e-6, {"norm(a)": normed}) == []
