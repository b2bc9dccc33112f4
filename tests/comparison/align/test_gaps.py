"""Modules between two pairs: by order, kind, name and what they computed, and never across an anchor."""

from __future__ import annotations

from auscult.comparison.align.gaps import iter_pairs_in_order
from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.modules import ModuleTree
from tests.hand_made import make_noise, make_tree

A, B, C, D = (make_noise(2, 5, seed=seed) for seed in range(4))
ANCHOR = LayerPair(("mid",), ("middle",), "weights")


def pair_open(ref: ModuleTree, cand: ModuleTree, *pairs: LayerPair) -> dict[tuple[str, str], str]:
    return {(pair.a, pair.b): pair.by for pair in iter_pairs_in_order(ref, cand, pairs, {})}


def test_equal_values_pair_whatever_the_name() -> None:
    ref = make_tree([("relu", A), ("mid", B)], types={"relu": "ReLU"})
    cand = make_tree([("x1", A.copy()), ("middle", B)], types={"x1": "clip"})
    assert pair_open(ref, cand, ANCHOR) == {("relu", "x1"): "values"}


def test_kind_alone_pairs_in_order() -> None:
    ref = make_tree([("act", A), ("mid", B)], types={"act": "LeakyReLU"})
    cand = make_tree([("f", C), ("middle", B)], types={"f": "leaky_relu"})
    assert pair_open(ref, cand, ANCHOR) == {("act", "f"): "order"}


def test_nothing_in_common_is_no_pair() -> None:
    ref = make_tree([("act", A), ("mid", B)], types={"act": "LeakyReLU"})
    cand = make_tree([("f", C), ("middle", B)], types={"f": "Dropout"})
    assert pair_open(ref, cand, ANCHOR) == {}
    longer = make_tree([("f", make_noise(2, 6)), ("middle", B)], types={"f": "LeakyReLU"})
    assert pair_open(ref, longer, ANCHOR) == {}


def test_no_pair_crosses_an_anchor() -> None:
    ref = make_tree([("before", A), ("mid", B)])
    cand = make_tree([("middle", B), ("after", A.copy())])
    assert pair_open(ref, cand, ANCHOR) == {}
    assert pair_open(ref, cand) == {("before", "after"): "values"}


def test_the_best_pairing_keeps_the_order() -> None:
    ref = make_tree([("a", A), ("b", B), ("c", C)])
    cand = make_tree([("p", A.copy()), ("q", C.copy())])
    assert pair_open(ref, cand) == {("a", "p"): "values", ("c", "q"): "values"}
