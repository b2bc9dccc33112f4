"""What is said of calls without a partner."""

from __future__ import annotations

from auscult.comparison.differing_calls import iter_uncompared_calls


def test_both_numbers_of_calls_are_said() -> None:
    skips = list(iter_uncompared_calls({"post": (2, 1)}))
    assert [skip.where for skip in skips] == ["post"]
    assert "called 2 times by the reference and 1 times by the candidate" in skips[0].reason


def test_nothing_is_said_of_equal_calls() -> None:
    assert list(iter_uncompared_calls({})) == []
