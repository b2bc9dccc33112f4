"""A factor over all tensors, and over one of two."""

from __future__ import annotations

import numpy as np

from auscult.explain.mistakes import find_mistake
from auscult.explain.try_mistakes import collect_explanations
from tests.explain.planted import FLOOR, assert_explained, draw, place

X, Y = draw(0, 2, 6, 40), draw(1, 2, 6, 40)


def test_a_square_root_left_out() -> None:
    first = assert_explained("factor", place(X * 8**0.5, X, x=X))
    assert "0.353553" in first.says


def test_another_balance_of_two_streams() -> None:
    first = assert_explained("factor", place(X + 0.5 * Y, X + 0.25 * Y, x=X, y=Y))
    assert "0.25 * y" in first.says


def test_a_gain_that_changes_from_frame_to_frame_is_no_factor() -> None:
    gain = 1 + np.linspace(0.8e-4, 1.2e-4, 40)
    case = place(X, X * gain)
    mistake = find_mistake("factor", found_by="a test")
    constant = place(X, X * (1 + 1e-2))
    assert [e.cause for e in collect_explanations(mistake, constant, FLOOR)] == ["factor"]
    assert collect_explanations(mistake, case, FLOOR) == []
