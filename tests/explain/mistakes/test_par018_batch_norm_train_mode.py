"""The statistics of a batch in place of the stored ones."""

from __future__ import annotations

import numpy as np

from auscult.explain.algebra.layers import normalise_axes
from auscult.weights import Array
from tests.explain.planted import assert_explained, draw, layer


def test_statistics_of_the_batch() -> None:
    x, mean = draw(0, 2, 6, 40), 0.3 * draw(1, 6)
    variance = np.abs(draw(2, 6)) + np.float32(0.5)
    stored = (x - mean[:, None]) / np.sqrt(variance[:, None] + 1e-5)
    weights: dict[str, Array] = {"running_mean": mean, "running_var": variance}
    case = layer("BatchNorm1d", x, stored, normalise_axes(x, (0, 2), 1e-5), weights)
    assert "training mode" in assert_explained("batch-norm-train-mode", case).says
