"""Outputs that mean the same, where one side does in one module what the other does in several."""

from __future__ import annotations

import numpy as np

from auscult.comparison.align.boundaries import (
    choose_join,
    concatenate_parts,
    find_boundaries,
    measure_near_error,
)
from auscult.comparison.align.pairs import LayerPair
from tests.hand_made import make_noise, make_trace, make_tree

X, Y = make_noise(1, 4, 6), make_noise(1, 4, 6, seed=1)


def test_outputs_that_are_near() -> None:
    ref, cand = make_trace([("a", X)]), make_trace([("a", X + np.float32(1e-5)), ("b", Y)])
    error = measure_near_error(ref, ref.records[0], cand, cand.records[0], {})
    assert error is not None
    assert error < 1e-4
    assert measure_near_error(ref, ref.records[0], cand, cand.records[1], {}) is None
    zero = make_trace([("a", np.zeros_like(X))])
    assert measure_near_error(zero, zero.records[0], zero, zero.records[0], {}) is None


def test_parts_side_by_side_make_up_the_whole() -> None:
    whole = np.concatenate([X, Y], 1)
    ref = make_tree([("q", X), ("k", Y)])
    cand = make_tree([("qk", whole)])
    pair = choose_join(ref, cand, LayerPair(("q", "k"), ("qk",), "derived"))
    assert (pair.join, pair.doubt) == ("concat", "")
    joined = concatenate_parts([Y, X], whole, {})
    assert joined is not None
    assert np.array_equal(joined[0], whole)
    assert np.array_equal(joined[1], whole)


def test_parts_that_do_not_add_up_are_doubted() -> None:
    ref = make_tree([("q", X), ("k", Y)])
    cand = make_tree([("qk", make_noise(1, 9, 6))])
    pair = choose_join(ref, cand, LayerPair(("q", "k"), ("qk",), "derived"))
    assert pair.join == "last"
    assert "no common boundary" in pair.doubt
    assert concatenate_parts([X, make_noise(1, 4)], X, {}) is None


def test_a_pair_takes_in_the_norm_that_the_other_side_folded() -> None:
    ref = make_tree([("conv", X), ("norm", Y), ("head", X * 2)])
    cand = make_tree([("folded", Y.copy()), ("head", X * 2)])
    pairs = [LayerPair(("conv",), ("folded",), "weights"), LayerPair(("head",), ("head",), "name")]
    widened, head = find_boundaries(ref, cand, pairs, {})
    assert (widened.reference, widened.candidate) == (("conv", "norm"), ("folded",))
    assert head == pairs[1]
    from_the_other_side = find_boundaries(
        cand, ref, [LayerPair(("folded",), ("conv",), "weights")], {}
    )
    assert from_the_other_side[0].candidate == ("conv", "norm")


def test_a_pair_that_agrees_or_agrees_nowhere_stays() -> None:
    ref = make_tree([("conv", X), ("norm", Y)])
    for output in (X.copy(), make_noise(1, 4, 6, seed=5)):
        pairs = [LayerPair(("conv",), ("conv",), "name")]
        assert find_boundaries(ref, make_tree([("conv", output)]), pairs, {}) == pairs
