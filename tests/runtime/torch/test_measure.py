"""Sums and extremes in torch are those of numpy."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.runtime.torch.measure import measure_elements
from auscult.traces.statistics import measure_in_numpy
from tests.hand_made import make_noise


def test_the_same_figures() -> None:
    elements = 1 + make_noise(100_000)
    assert measure_elements(elements) == pytest.approx(measure_in_numpy(elements), rel=1e-5)
    assert measure_elements(np.array([1, -2, 3], np.float32)) == (2, 14, -2, 3)
