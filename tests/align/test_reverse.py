"""A match seen from its other side."""

from __future__ import annotations

import numpy as np

from auscult.align.records import Match
from auscult.align.reverse import reverse_match
from auscult.recipe.ops.cast import Cast
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.recipe.ops.permute import Permute
from auscult.recipe.ops.split_weight_norm import SplitWeightNorm
from auscult.recipe.ops.sum import Sum
from auscult.verdict import Equality


def make_match(*ops: object, **more: object) -> Match:
    return Match(("a",), ("b",), ops, Equality.EXACT, "content", **more)  # type: ignore[arg-type]


def test_operations_are_undone_in_reverse_order() -> None:
    back = reverse_match(make_match(Permute((1, 2, 0)), Cast("float16", "float32")))
    assert (back.a, back.b) == (("b",), ("a",))
    assert back.ops == (Cast("float32", "float16"), Permute((2, 0, 1)))
    values = np.arange(24, dtype=np.float16).reshape(3, 4, 2)
    forward = Permute((1, 2, 0)).apply([values.astype(np.float32)])[0].astype(np.float16)
    restored = [forward]
    for op in back.ops:
        restored = op.apply(restored)
    assert np.array_equal(restored[0], values)


def test_a_fused_weight_is_split() -> None:
    assert reverse_match(make_match(FuseWeightNorm(0))).ops == (SplitWeightNorm(0),)


def test_what_has_no_way_back_stays_as_it_is_and_says_so() -> None:
    match = make_match(Sum(2))
    back = reverse_match(match)
    assert back.backward
    assert back.ops == match.ops
    assert reverse_match(back) == match


def test_several_ways_to_several_targets_have_no_way_back() -> None:
    match = make_match(Permute((1, 0)), after=((Permute((1, 0)),), ()))
    assert reverse_match(match).backward


def test_without_operations_only_the_names_are_exchanged() -> None:
    back = reverse_match(make_match())
    assert (back.a, back.b, back.ops, back.backward) == (("b",), ("a",), (), False)
