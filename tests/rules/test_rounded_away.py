"""Weights that a narrow number format rounded to next to nothing."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint

NAMES = ("conv_pre.weight", "body.0.weight", "conv_post.weight")


def diff_rounded(scale: float, dtype: object) -> Report:
    rng = np.random.default_rng(0)
    weights = {
        name: (scale * rng.standard_normal((24, 16, 3))).astype(np.float32) for name in NAMES
    }
    rounded = {name: value.astype(dtype) for name, value in weights.items()}  # type: ignore[call-overload]
    return diff(Checkpoint.of(weights), Checkpoint.of(rounded))


@pytest.mark.parametrize("scale", [0.0002, 0.0004])
def test_values_below_the_smallest_step_are_lost(scale: float) -> None:
    report = diff_rounded(scale, ml_dtypes.float8_e4m3fn)
    assert report.verdict is Verdict.DIVERGENT
    assert report.findings[0].cause == "rounded-away"
    assert report.findings[0].count == len(NAMES)


@pytest.mark.parametrize(
    ("scale", "dtype"),
    [
        (0.02, ml_dtypes.float8_e4m3fn),
        (0.0007, ml_dtypes.float8_e5m2),
        (0.0007, np.float16),
        (0.0007, ml_dtypes.bfloat16),
    ],
)
def test_ordinary_rounding_is_no_loss(scale: float, dtype: object) -> None:
    report = diff_rounded(scale, dtype)
    assert report.verdict is Verdict.EQUIVALENT
    assert "rounded-away" not in [finding.cause for finding in report.findings]
