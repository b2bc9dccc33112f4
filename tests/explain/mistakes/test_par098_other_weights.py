"""A layer owns trained weights that are not the reference's."""

from __future__ import annotations

from auscult.comparison.unloaded import WeightOwnership, explain_ownership
from auscult.explain.mistakes.par098_other_weights import NAME


def test_another_checkpoint() -> None:
    other = WeightOwnership(same=("b",), other=("a",), fresh=())
    explanation = explain_ownership(other, "a")
    assert explanation is not None
    assert explanation.cause == NAME
    assert explain_ownership(other, "b") is None
