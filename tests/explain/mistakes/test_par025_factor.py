"""A factor over all tensors, and over one of two."""

from __future__ import annotations

from tests.explain.planted import assert_explained, draw, place

X, Y = draw(0, 2, 6, 40), draw(1, 2, 6, 40)


def test_a_square_root_left_out() -> None:
    first = assert_explained("factor", place(X * 8**0.5, X, x=X))
    assert "0.353553" in first.says


def test_another_balance_of_two_streams() -> None:
    first = assert_explained("factor", place(X + 0.5 * Y, X + 0.25 * Y, x=X, y=Y))
    assert "0.25 * y" in first.says
