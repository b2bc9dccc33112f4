"""Another spacing of the frequencies."""

from __future__ import annotations

import numpy as np

from auscult.explain.algebra.layers import make_sinusoids
from tests.explain.planted import assert_explained, layer

T = np.array([0.1, 0.37, 0.8], np.float32)


def test_one_frequency_less_in_the_exponent() -> None:
    reference, candidate = (make_sinusoids(T, 16, shift=shift) for shift in (0, 1))
    case = layer("TimeEmbed", T, reference, candidate)
    first = assert_explained("time-embedding-frequencies", case)
    assert first.parameters == {"reference": {"shift": 0}, "candidate": {"shift": 1}}
