"""No layer owns the reference's weights, and they look freshly drawn."""

from __future__ import annotations

from auscult.comparison.unloaded import WeightOwnership, explain_ownership
from auscult.explain.mistakes.par056_untrained import NAME


def test_nothing_loaded() -> None:
    fresh = WeightOwnership(same=(), other=("a", "b"), fresh=("a", "b"))
    explanation = explain_ownership(fresh, "a")
    assert explanation is not None
    assert explanation.cause == NAME
    assert explain_ownership(WeightOwnership(("a", "b"), (), ()), "a") is None
