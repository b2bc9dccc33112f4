"""How near a reproduction must come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from auscult.explain.limits import get_candidate_limit, get_reference_limit
from tests.explain.planted import draw_even, place

X = draw_even(0, 2, 6, 40)
CASE = place(X, 2 * X)


def test_the_floor_counts_three_times() -> None:
    assert get_candidate_limit(CASE, 1e-3) == pytest.approx(3e-3)
    assert get_candidate_limit(CASE, 0.0) == get_reference_limit(CASE) == 2e-5


def test_the_reference_itself_never_passes() -> None:
    near = replace(CASE, candidate=X + np.float32(1e-6))
    assert get_candidate_limit(near, 1.0) < 1e-6 / X.std()
