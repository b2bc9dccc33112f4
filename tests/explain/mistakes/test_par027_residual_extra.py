"""A block that adds its input, which the reference does not."""

from __future__ import annotations

from tests.explain.planted import assert_explained, draw, layer, place

X, Y = draw(0, 2, 6, 40), draw(1, 2, 6, 40)


def test_an_output_with_its_input() -> None:
    assert_explained("residual-extra", layer("ResBlock", X, Y, X + Y))


def test_a_summand_too_many() -> None:
    first = assert_explained("residual-extra", place(Y, X + Y, x=X, y=Y))
    assert first.says == "it adds x, which the reference does not"
