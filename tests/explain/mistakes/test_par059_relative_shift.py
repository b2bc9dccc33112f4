"""Scores of relative positions that land one frame late."""

from __future__ import annotations

from tests.explain.mistakes.relative_attention import attend, make_case
from tests.explain.planted import assert_explained


def test_a_shift_that_is_off_by_one() -> None:
    first = assert_explained("relative-shift", make_case(attend(late=1)))
    assert "are one late, the reference's aligned" in first.says
