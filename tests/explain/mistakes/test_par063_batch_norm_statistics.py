"""Mean 0 and variance 1 in place of the stored statistics."""

from __future__ import annotations

import numpy as np

from auscult.weights import Array
from tests.explain.planted import assert_explained, draw, layer


def test_statistics_of_a_constructor() -> None:
    x, mean = draw(0, 2, 6, 40), 0.3 * draw(1, 6)
    variance = np.abs(draw(2, 6)) + np.float32(0.5)
    stored = (x - mean[:, None]) / np.sqrt(variance[:, None] + 1e-5)
    weights: dict[str, Array] = {"running_mean": mean, "running_var": variance}
    case = layer("BatchNorm1d", x, stored, x / np.sqrt(1 + 1e-5), weights)
    assert "were not loaded" in assert_explained("batch-norm-statistics", case).says
