"""Sines first in place of cosines first."""

from __future__ import annotations

import numpy as np

from auscult.explain.algebra.layers import make_sinusoids
from tests.explain.planted import assert_explained, layer

T = np.array([0.1, 0.37, 0.8], np.float32)


def test_sines_first() -> None:
    case = layer("TimeEmbed", T, make_sinusoids(T, 16, order="cos-sin"), make_sinusoids(T, 16))
    first = assert_explained("time-embedding-order", case)
    assert first.parameters["candidate"] == {"order": "sin-cos"}
