"""The exact GELU in place of its approximation."""

from __future__ import annotations

from auscult.explain.algebra.layers import gelu, gelu_tanh
from tests.explain.planted import assert_explained, draw, place


def test_the_exact_form() -> None:
    x = 2 * draw(0, 2, 6, 40)
    first = assert_explained("gelu-variant", place(gelu_tanh(x), gelu(x), x=x))
    assert first.says == "it computes gelu, the reference gelu_tanh"
