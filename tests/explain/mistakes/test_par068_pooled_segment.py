"""The last segment of a pooling that is shorter than the others."""

from __future__ import annotations

from tests.explain.mistakes.code_places import FRAMES, SegmentContext, list_causes


def test_a_short_segment_that_is_divided_by_the_full_length() -> None:
    wrong = SegmentContext(is_divided_by_full_length=True)
    ((cause, message),) = list_causes(SegmentContext(), wrong, FRAMES)
    assert cause == "pooled-segment"
    assert "divides the last, shorter segment by the full length" in message


def test_whole_segments_have_nothing_to_divide() -> None:
    wrong = SegmentContext(is_divided_by_full_length=True)
    assert list_causes(SegmentContext(), wrong, FRAMES[..., :40]) == []
