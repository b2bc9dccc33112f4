"""The look of freshness: a few places decide what all places would."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from auscult.rules.diff.evidence.difference import (
    KS_CRITICAL,
    _is_near_normal,
    _measure_ks_distance,
    judge_freshness,
)


@pytest.mark.parametrize("size", [64, 1000, 5000, 70000])
@pytest.mark.parametrize("shift", [0.0, 0.01, 0.02, 0.05, 1.0])
def test_few_places_decide_as_all_do(size: int, shift: float) -> None:
    rng = np.random.default_rng(size)
    for _ in range(5):
        sample = np.sort(rng.standard_normal(size) + shift)
        critical = KS_CRITICAL / np.sqrt(size)
        scaled = sample / np.sqrt(np.mean(sample**2))
        expected = _measure_ks_distance(scaled, ndtr(scaled)) < critical
        assert _is_near_normal(sample, critical) == expected


def test_normal_rows_look_fresh_and_heavy_tails_do_not() -> None:
    rng = np.random.default_rng(0)
    assert judge_freshness(rng.standard_normal((64, 512))) == "normal"
    assert judge_freshness(rng.standard_t(3, (64, 512))) is None
