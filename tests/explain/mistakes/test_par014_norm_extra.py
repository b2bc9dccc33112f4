"""A norm without parameters that only the candidate applies."""

from __future__ import annotations

from auscult.explain.algebra.layers import normalise_axes
from tests.explain.planted import assert_explained, draw, place


def test_a_norm_too_many() -> None:
    x = 2 * draw(0, 2, 6, 40) + 1
    first = assert_explained("norm-extra", place(x, normalise_axes(x, (2,), 1e-5), x=x))
    assert first.says == "it uses instance_norm(x), the reference x"
