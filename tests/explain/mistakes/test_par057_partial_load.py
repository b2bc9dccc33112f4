"""Some layers own the reference's weights, one looks freshly drawn."""

from __future__ import annotations

from auscult.comparison.unloaded import WeightOwnership, explain_ownership
from auscult.explain.mistakes.par057_partial_load import NAME


def test_one_layer_not_loaded() -> None:
    partial = WeightOwnership(same=("b", "c"), other=("a",), fresh=("a",))
    explanation = explain_ownership(partial, "a")
    assert explanation is not None
    assert explanation.cause == NAME
    assert "2 of 3 layers" in explanation.says
    assert explain_ownership(partial, "b") is None
