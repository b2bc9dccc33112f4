"""Modules that own the same weights are the same, whatever they are called."""

from __future__ import annotations

import numpy as np

from auscult.align import align
from auscult.comparison.align.anchors import (
    find_module_links,
    iter_link_pairs,
    pair_by_content,
    widen_split_owners,
)
from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.modules import ModuleTree
from auscult.weights import Array, Checkpoint
from tests.hand_made import make_noise, make_tree

X = make_noise(2, 5)
FIRST, SECOND = make_noise(8, 6), make_noise(8, 6, seed=1)


def make_owners(weights: dict[str, dict[str, Array]]) -> ModuleTree:
    return make_tree([(path, make_noise(2, 5, seed=9)) for path in weights], weights=weights)


def pair_owners(ref: ModuleTree, cand: ModuleTree) -> dict[str, str]:
    pairs = pair_by_content(ref.modules.values(), cand.modules.values())
    return {pair.a: pair.b for pair in pairs}


def test_equal_weights_pair_under_other_names_and_axes() -> None:
    ref = make_owners({"a": {"weight": FIRST}, "b": {"weight": SECOND}})
    cand = make_owners({"p": {"w": SECOND.T.copy()}, "q": {"w": FIRST.T.copy()}})
    assert pair_owners(ref, cand) == {"a": "q", "b": "p"}


def test_rounded_weights_pair_if_nothing_else_is_as_near() -> None:
    ref = make_owners({"a": {"weight": FIRST}, "b": {"weight": SECOND}})
    half = {"p": {"w": SECOND.astype(np.float16)}, "q": {"w": FIRST.astype(np.float16)}}
    assert pair_owners(ref, make_owners(half)) == {"a": "q", "b": "p"}


def test_tied_weights_pair_by_name_then_as_they_ran() -> None:
    ref = make_owners({"a": {"weight": FIRST}, "b": {"weight": FIRST}})
    assert pair_owners(ref, make_owners({"b": {"w": FIRST}, "a": {"w": FIRST}})) == {
        "a": "a",
        "b": "b",
    }
    assert pair_owners(ref, make_owners({"x": {"w": FIRST}, "y": {"w": FIRST}})) == {
        "a": "x",
        "b": "y",
    }


def test_weights_that_say_nothing_pair_nothing() -> None:
    ones = np.ones(6, np.float32)
    assert pair_owners(make_owners({"a": {"w": ones}}), make_owners({"p": {"w": ones}})) == {}
    assert pair_owners(make_owners({"a": {"w": FIRST}}), make_owners({"p": {"w": 3 * FIRST}})) == {}


def test_a_sum_that_owns_the_bias_joins_its_product() -> None:
    bias = make_noise(8)
    ref = make_tree([("linear", X)], weights={"linear": {"weight": FIRST, "bias": bias}})
    cand = make_tree(
        [("matmul", X * 2), ("add", X.copy())],
        weights={"matmul": {"w": FIRST}, "add": {"b": bias}},
    )
    pair = LayerPair(("linear",), ("matmul",), "weights")
    ((before, wider),) = widen_split_owners([pair], ref, cand)
    assert before is pair
    assert (wider.reference, wider.candidate) == (("linear",), ("matmul", "add"))
    without_bias = make_tree([("matmul", X * 2), ("add", X)], weights={"matmul": {"w": FIRST}})
    assert list(widen_split_owners([pair], ref, without_bias)) == []


def test_an_alignment_of_tensors_links_their_modules() -> None:
    projections = {letter: make_noise(8, 8, seed=seed) for seed, letter in enumerate("qkv")}
    ref = make_tree([*((letter, X * 1) for letter in "qkv"), ("out", X * 1)])
    cand = make_tree([("qkv", X), ("o", X * 3)])
    alignment = align(
        Checkpoint.of(
            {f"{letter}.weight": array for letter, array in projections.items()}
            | {"out.weight": FIRST}
        ),
        Checkpoint.of(
            {"qkv.weight": np.concatenate(list(projections.values())), "o.weight": FIRST}
        ),
    )
    pairs = {
        pair.reference: pair for pair in iter_link_pairs(find_module_links(alignment, ref, cand))
    }
    assert (pairs["out",].candidate, pairs["out",].by) == (("o",), "weights")
    assert (pairs["q", "k", "v"].candidate, pairs["q", "k", "v"].by) == (("qkv",), "derived")
