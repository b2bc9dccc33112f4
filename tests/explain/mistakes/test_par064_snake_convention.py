"""Snake with other forms of its alpha."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.weights import Array
from tests.explain.planted import assert_explained, draw, draw_even, layer

X, ALPHA = 2 * draw(0, 2, 6, 24), 1 + 0.4 * draw_even(1, 1, 6, 1)
ALONG_TIME = np.tile(ALPHA.reshape(1, 1, 6), (1, 1, 4))


def compute(frequency: Array, divisor: Array | float) -> Array:
    return X + np.sin(frequency * X) ** 2 / divisor


@pytest.mark.parametrize(
    ("candidate", "says"),
    [
        (compute(np.exp(ALPHA), np.exp(ALPHA)), "exp(alpha)"),
        (compute(ALPHA, 1.0), "it computes x + sin²(alpha x), the"),
        (compute(ALONG_TIME, ALONG_TIME), "lie along axis 2"),
    ],
    ids=["exponential", "without division", "along time"],
)
def test_another_form(candidate: Array, says: str) -> None:
    case = layer("Snake1d", X, compute(ALPHA, ALPHA), candidate, {"alpha": ALPHA})
    assert says in assert_explained("snake-convention", case).says
