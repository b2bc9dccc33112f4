"""Which tensors add up to another one."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.explain.algebra.sums import iter_matching_sums
from auscult.weights import Array
from tests.hand_made import make_noise

TENSORS = {name: make_noise(200, seed=seed).astype(float) for seed, name in enumerate("abcd")}


def find_sums(target: Array, tensors: dict[str, Array] = TENSORS) -> list[tuple[str, ...]]:
    return [terms for terms, _ in iter_matching_sums(target, tensors)]


def test_terms_with_one_factor() -> None:
    target = (TENSORS["a"] + TENSORS["c"] + TENSORS["d"]) / 3
    ((terms, factor),) = iter_matching_sums(target, TENSORS)
    assert terms == ("a", "c", "d")
    assert factor == pytest.approx(1 / 3)


def test_under_a_rectifier_the_positive_elements_tell() -> None:
    assert ("a", "b") in find_sums(np.maximum(TENSORS["a"] + TENSORS["b"], 0))


def test_other_factors_and_other_tensors_are_no_sum() -> None:
    assert find_sums(TENSORS["a"] + 2 * TENSORS["b"]) == []
    assert find_sums(make_noise(200, seed=9).astype(float)) == []


def test_what_others_span_is_left_out() -> None:
    tensors = {**TENSORS, "ab": TENSORS["a"] + TENSORS["b"]}
    assert find_sums(TENSORS["a"] + TENSORS["b"] + TENSORS["c"], tensors)[0] == ("a", "b", "c")


def test_too_few_elements_prove_nothing() -> None:
    few = {name: values[:6] for name, values in TENSORS.items()}
    assert find_sums(few["a"] + few["b"], few) == []
