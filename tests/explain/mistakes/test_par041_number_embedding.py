"""The number behind its sines and cosines in place of in front."""

from __future__ import annotations

import numpy as np

from tests.explain.planted import assert_explained, draw, layer


def test_the_number_at_the_end() -> None:
    x, frequencies = np.array([0.1, 0.37, 0.8], np.float32), draw(0, 4)
    angles = 2 * np.pi * x[:, None] * frequencies
    parts = (np.sin(angles), np.cos(angles))
    reference = np.concatenate([x[:, None], *parts], -1)
    candidate = np.concatenate([*parts, x[:, None]], -1)
    case = layer("NumberEmbed", x, reference, candidate, {"weights": frequencies})
    assert "order sin-cos-x" in assert_explained("number-embedding", case).says
