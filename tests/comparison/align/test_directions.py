"""Which pairs are a layer of two directions against one-way ones, and what stands where its output is used."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

from auscult.comparison.align.directions import find_handed_on, is_bidirectional, mark_directions
from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.modules import ModuleTree
from auscult.runtime.runner import make_runner
from tests.comparison.measure.test_directions import INPUTS, build_port, build_reference


def trace(model: Any) -> ModuleTree:
    return ModuleTree.of(make_runner(model).run(INPUTS))


def test_a_pair_of_both_is_marked_and_others_are_not() -> None:
    model = build_reference()
    whole, parts = trace(model), trace(build_port(model))
    assert is_bidirectional(whole, "rnn")
    assert not is_bidirectional(parts, "ahead.0")
    pair = LayerPair(("rnn",), ("ahead.0", "behind.0"), "derived")
    assert mark_directions(whole, parts, pair).join == "directions"
    assert not mark_directions(whole, parts, LayerPair(("rnn",), ("ahead.0",), "weights")).is_single
    same = LayerPair(("rnn",), ("rnn",), "weights")
    assert mark_directions(whole, whole, same) == same


def test_what_is_handed_on_is_what_the_next_layer_takes() -> None:
    model = build_reference()
    whole, parts = trace(model), trace(build_port(model))
    output = whole.modules["rnn"].output()
    assert output is not None
    found = find_handed_on(whole, parts, output, [("proj", "proj")])
    assert found is not None
    assert (found.path, found.role) == ("proj", "input")
    assert find_handed_on(whole, parts, output, []) is None
