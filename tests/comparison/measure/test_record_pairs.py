"""Which output is which, and which input."""

from __future__ import annotations

from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.measure.record_pairs import InputMatcher, iter_output_pairs
from auscult.comparison.modules import ModuleTree
from auscult.traces.records import INPUTS_IN_USE_ORDER
from tests.hand_made import make_noise, make_tree

X, H, Y = (make_noise(1, 4, 6, seed=seed) for seed in range(3))
MASK = make_noise(1, 6)
PAIR = LayerPair(("a",), ("a",), "name")


def match_inputs(ref: ModuleTree, cand: ModuleTree) -> dict[str, str]:
    pairs = InputMatcher(ref, cand, {}).iter_input_pairs(PAIR, (0, 0))
    return {a.role: b.role for a, b in pairs}


def match_outputs(ref: ModuleTree, cand: ModuleTree, *, own: bool) -> dict[str, str]:
    a, b = ref.modules["a"], cand.modules["a"]
    return {x.role: y.role for x, y in iter_output_pairs(a, b, (0, 0), own_outputs=own)}


def test_further_outputs_have_to_fit_by_shape() -> None:
    ref = make_tree([("a", X), ("a:output.1", MASK)])
    assert match_outputs(ref, ref, own=False) == {"output": "output", "output.1": "output.1"}
    packed = make_tree([("a", X), ("a:output.1", H)])
    assert match_outputs(ref, packed, own=False) == {"output": "output"}


def test_what_a_replaced_module_gave_itself() -> None:
    ref = make_tree([("a", X)])
    cand = make_tree([("a:own", Y), ("a", X)])
    assert match_outputs(ref, cand, own=True) == {"output": "own"}
    assert match_outputs(ref, cand, own=False) == {"output": "output"}


def test_inputs_by_role_then_by_shape() -> None:
    ref = make_tree([("a:input", X), ("a:input.mask", MASK), ("a", H)])
    cand = make_tree([("a:input", Y), ("a:input.1", MASK * 2), ("a", H)])
    assert match_inputs(ref, cand) == {"input": "input", "input.mask": "input.1"}


def test_inputs_by_value_where_roles_say_nothing() -> None:
    ref = make_tree([("a:input", X), ("a:input.1", Y), ("a", H)])
    rows = [("a:input", Y), ("a:input.1", X), ("a", H)]
    assert match_inputs(ref, make_tree(rows)) == {"input": "input", "input.1": "input.1"}
    cand = make_tree(rows, notes={INPUTS_IN_USE_ORDER: True})
    assert match_inputs(ref, cand) == {"input": "input.1", "input.1": "input"}
