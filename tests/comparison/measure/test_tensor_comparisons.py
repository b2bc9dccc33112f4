"""Every tensor that both sides have, held against the other."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.measure.floor import floor_from_error
from auscult.comparison.measure.tensor_comparisons import TensorComparisons, compare_tensors
from auscult.comparison.modules import ModuleTree
from auscult.traces.records import INPUTS_IN_USE_ORDER
from tests.hand_made import make_noise, make_tree

X, H, Y = (make_noise(1, 4, 6, seed=seed) for seed in range(3))
FLOOR = floor_from_error(1e-3)
REF = make_tree([("a:input", X), ("a", H), ("b:input", H), ("b", Y)])
PAIRS = (LayerPair(("a",), ("a",), "name"), LayerPair(("b",), ("b",), "name"))


def compare(ref: ModuleTree, cand: ModuleTree, *pairs: LayerPair) -> TensorComparisons:
    return compare_tensors(ref, cand, LayerAlignment(pairs or PAIRS), FLOOR)


def test_the_same_run_differs_nowhere() -> None:
    comparisons = compare(REF, REF)
    assert [(c.pair.a, c.role) for c in comparisons.all] == [
        ("a", "input"),
        ("a", "output"),
        ("b", "input"),
        ("b", "output"),
    ]
    assert not any(c.differs for c in comparisons.all)


def test_an_error_is_read_where_it_is() -> None:
    cand = make_tree([("a:input", X), ("a", H), ("b:input", H), ("b", Y * np.float32(1.01))])
    comparisons = compare(REF, cand)
    worst = comparisons.worst_output("b")
    assert worst is not None
    assert worst.differs
    assert worst.error == pytest.approx(0.01, rel=1e-3)
    assert not any(c.differs for c in comparisons.outputs("a", 0))
    assert [c.role for c in comparisons.inputs("b", 0)] == ["input"]
    assert comparisons.worst_output("nowhere") is None


def test_outputs_side_by_side() -> None:
    ref = make_tree([("q", X), ("k", Y)])
    cand = make_tree([("qk", np.concatenate([X, Y], 1))])
    pair = LayerPair(("q", "k"), ("qk",), "derived", join="concat")
    (comparison,) = compare(ref, cand, pair).all
    assert comparison.error == 0.0
    wrong = make_tree([("qk", np.concatenate([X, H], 1))])
    assert compare(ref, wrong, pair).all[0].differs


def test_inputs_are_matched_by_role_then_by_shape() -> None:
    mask = make_noise(1, 6)
    ref = make_tree([("a:input", X), ("a:input.mask", mask), ("a", H)])
    cand = make_tree([("a:input.1", mask), ("a:input", X), ("a", Y)])
    roles = {c.role: (c.candidate_role, c.error) for c in compare(ref, cand, PAIRS[0]).all}
    assert roles["input"] == ("input", 0.0)
    assert roles["input.mask"] == ("input.1", 0.0)


def test_inputs_in_the_order_of_use_are_matched_by_what_they_hold() -> None:
    ref = make_tree([("a:input", X), ("a:input.1", Y), ("a", H)])
    rows = [("a:input", Y), ("a:input.1", X), ("a", X * 3)]
    cand = make_tree(rows, notes={INPUTS_IN_USE_ORDER: True})
    errors = {c.role: c.error for c in compare(ref, cand, PAIRS[0]).all}
    assert (errors["input"], errors["input.1"]) == (0.0, 0.0)


def test_what_a_replaced_module_gave_itself() -> None:
    cand = make_tree([("a", H), ("a:own", Y)])
    ref = make_tree([("a", H)])
    alignment = LayerAlignment(PAIRS[:1])
    assert not compare_tensors(ref, cand, alignment, FLOOR).all[0].differs
    assert compare_tensors(ref, cand, alignment, FLOOR, own_outputs=True).all[0].differs
