"""An inverse transform that leaves the mirrored bins out."""

from __future__ import annotations

from tests.explain.mistakes.code_places import FRAMES, Head, list_causes


def test_bins_that_are_not_doubled() -> None:
    ((cause, message),) = list_causes(Head(), Head(one_sided=False), FRAMES)
    assert cause == "istft-one-sided"
    assert message.endswith("it leaves the mirrored bins out, the reference adds the mirrored bins")


def test_the_same_transform_has_none() -> None:
    assert list_causes(Head(), Head(stored=False), FRAMES) == []
