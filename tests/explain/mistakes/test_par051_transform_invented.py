"""A gain and an offset over the whole tensor."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.explain.mistakes.par051_transform_invented import explain
from tests.explain.planted import assert_explained, draw, place


def test_a_gain_and_an_offset() -> None:
    x = draw(0, 2, 6, 40)
    first = assert_explained("transform-invented", place(x, 2.1 * x - 5.9))
    assert first.parameters["gain"] == pytest.approx(2.1, rel=1e-5)
    assert first.parameters["offset"] == pytest.approx(-5.9, rel=1e-5)


@pytest.mark.parametrize("unit", [1.0, 10 / np.log(10)])
def test_a_constant_under_a_logarithm_is_no_transform(unit: float) -> None:
    bands = np.exp(draw(1, 2, 6, 40).astype(np.float64) + 4)
    reference = unit * np.log(bands)
    limited, added = unit * np.log(np.maximum(bands, 1e-5)), unit * np.log(bands + 1e-2)
    assert not list(explain(place(limited, added), 1e-3))
    assert [e.cause for e in explain(place(reference, 1.5 * reference + 2), 1e-3)]


def test_an_offset_of_a_logarithm_is_a_transform() -> None:
    reference = np.log(np.exp(draw(1, 2, 6, 40).astype(np.float64) + 4))
    (explanation,) = explain(place(reference, reference + 0.5), 1e-3)
    assert explanation.parameters["offset"] == pytest.approx(0.5)
