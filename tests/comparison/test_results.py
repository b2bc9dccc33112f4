"""What is said of one layer, before anything was looked into."""

from __future__ import annotations

from auscult.comparison.results import LayerResult


def test_a_layer_is_right_and_judged_until_something_says_otherwise() -> None:
    result = LayerResult("a", "b", 0.0, 1e-7)
    assert (result.born, result.grown, result.looked_into) == (False, False, True)
    assert (result.case, result.explanations) == (None, ())
