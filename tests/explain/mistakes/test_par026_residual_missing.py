"""A block that does not add its input."""

from __future__ import annotations

from tests.explain.planted import assert_explained, draw, layer, place

X, Y = draw(0, 2, 6, 40), draw(1, 2, 6, 40)


def test_an_output_without_its_input() -> None:
    assert_explained("residual-missing", layer("ResBlock", X, X + Y, Y))


def test_one_summand_of_two() -> None:
    first = assert_explained("residual-missing", place(X + Y, Y, x=X, y=Y))
    assert first.says == "it does not add x"
