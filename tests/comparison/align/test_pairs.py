"""The records of an alignment."""

from __future__ import annotations

from auscult.comparison.align.pairs import LayerAlignment, LayerPair

SINGLE = LayerPair(("encoder",), ("enc",), "weights")
GROUP = LayerPair(("conv", "norm"), ("folded",), "derived", doubt="no common boundary")


def test_the_boundary_is_the_last_module() -> None:
    assert (SINGLE.a, SINGLE.b, SINGLE.is_single) == ("encoder", "enc", True)
    assert (GROUP.a, GROUP.b, GROUP.is_single) == ("norm", "folded", False)


def test_names_are_those_of_single_pairs_and_doubts_of_doubtful_ones() -> None:
    alignment = LayerAlignment((SINGLE, GROUP))
    assert alignment.names == {"encoder": "enc"}
    assert alignment.doubts == (GROUP,)
