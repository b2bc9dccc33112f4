"""A time that is not multiplied by 1000."""

from __future__ import annotations

import numpy as np

from auscult.explain.algebra.layers import make_sinusoids
from tests.explain.planted import assert_explained, layer

T = np.array([0.1, 0.37, 0.8], np.float32)


def test_a_time_from_0_to_1() -> None:
    reference, candidate = (make_sinusoids(scale * T, 16) for scale in (1000, 1))
    first = assert_explained("time-embedding-scale", layer("TimeEmbed", T, reference, candidate))
    assert first.parameters == {"reference": {"scale": 1000.0}, "candidate": {"scale": 1.0}}
