"""Branches that are summed in place of averaged."""

from __future__ import annotations

from tests.explain.planted import assert_explained, draw, place


def test_a_sum_for_a_mean() -> None:
    a, b, c = (draw(seed, 2, 6, 40) for seed in range(3))
    case = place((a + b + c) / 3, a + b + c, a=a, b=b, c=c)
    first = assert_explained("branch-sum-mean", case)
    assert first.says == "it takes the sum of 3 branches, the reference the mean"
