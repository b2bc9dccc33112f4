"""A gain and an offset over the whole tensor."""

from __future__ import annotations

import pytest

from tests.explain.planted import assert_explained, draw, place


def test_a_gain_and_an_offset() -> None:
    x = draw(0, 2, 6, 40)
    first = assert_explained("transform-invented", place(x, 2.1 * x - 5.9))
    assert first.parameters["gain"] == pytest.approx(2.1, rel=1e-5)
    assert first.parameters["offset"] == pytest.approx(-5.9, rel=1e-5)
