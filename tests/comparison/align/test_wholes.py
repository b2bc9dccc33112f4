"""A module of several against the one operation with which a flat graph ends it."""

from __future__ import annotations

from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.align.wholes import find_whole_pairs
from auscult.comparison.modules import ModuleTree
from tests.hand_made import make_noise, make_tree

CONV, SUM, OTHER = (make_noise(2, 5, seed=seed) for seed in range(3))
PARTS = LayerPair(("block.conv",), ("conv_1",), "weights")
REF = make_tree([("block:input", OTHER), ("block.conv", CONV), ("block", SUM)])


def pair_wholes(ref: ModuleTree, cand: ModuleTree, pair: LayerPair) -> list[tuple[str, str, str]]:
    return [(found.a, found.b, found.by) for found in find_whole_pairs(ref, cand, [pair], {})]


def test_by_what_they_give() -> None:
    cand = make_tree([("conv_1", CONV), ("add_7", SUM.copy())])
    assert pair_wholes(REF, cand, PARTS) == [("block", "add_7", "values")]
    flipped = LayerPair(PARTS.candidate, PARTS.reference, "weights")
    assert pair_wholes(cand, REF, flipped) == [("add_7", "block", "values")]


def test_by_scope_where_the_values_differ() -> None:
    cand = make_tree([("conv_1", CONV), ("block.add", OTHER), ("block.mul", OTHER * 2)])
    assert pair_wholes(REF, cand, PARTS) == [("block", "block.mul", "order")]


def test_only_operations_behind_the_parts_count() -> None:
    cand = make_tree([("add_7", SUM.copy()), ("conv_1", CONV)])
    assert pair_wholes(REF, cand, PARTS) == []


def test_a_module_that_hands_on_what_its_part_gave_has_no_operation() -> None:
    sequential = make_tree([("block.conv", CONV), ("block", CONV)])
    cand = make_tree([("conv_1", CONV), ("block.add", CONV.copy())])
    assert pair_wholes(sequential, cand, PARTS) == []
