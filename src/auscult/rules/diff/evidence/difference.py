"""How two arrays of one shape differ: where, how much of them, and whether one of them looks damaged or never trained."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np

from auscult.weights import Array

MAX_SAMPLED_VALUES = 1 << 16
"""Values that a test of distribution looks at, evenly spread over the tensor."""
MIN_SAMPLED_VALUES = 64
KS_CRITICAL = 1.63
"""Kolmogorov-Smirnov critical value at a significance of 1 %, times 1/sqrt(n)."""


@dataclass(frozen=True)
class ArrayDifference:
    """How `a` differs from `b`, both flattened.

    Attributes:
        equal_share: Share of positions at which the values are equal, 0 to 1.
        first, last: First and last position that differs.
        size: Number of values.
        tail_zero: Whether every value of `a` from the first difference on is zero.
        nonfinite_a, nonfinite_b: How many NaN or Inf values.
        correlation: Pearson's, over the positions at which both are finite; 0 where one side is constant.
        ratio: rms(a) / rms(b) over these positions.
    """

    equal_share: float
    first: int
    last: int
    size: int
    tail_zero: bool
    nonfinite_a: int
    nonfinite_b: int
    correlation: float
    ratio: float


def measure_difference(a: Array, b: Array) -> ArrayDifference:
    """Compare two arrays of one shape, element by element, in float64."""
    if (a.dtype.kind == "c") != (b.dtype.kind == "c"):  # real against complex: both as pairs
        a, b = (
            array if array.dtype.kind == "c" else array.astype(np.complex128) for array in (a, b)
        )
    flat_a, flat_b = to_real_array(a).ravel(), to_real_array(b).ravel()
    equal = (flat_a == flat_b) | (np.isnan(flat_a) & np.isnan(flat_b))
    unequal = np.flatnonzero(~equal)
    if unequal.size:
        first, last = (int(unequal[0]), int(unequal[-1]))
    else:
        first, last = (flat_a.size, -1)
    finite = np.isfinite(flat_a) & np.isfinite(flat_b)
    return ArrayDifference(
        equal_share=float(equal.mean()) if flat_a.size else 1.0,
        first=first,
        last=last,
        size=flat_a.size,
        tail_zero=bool(unequal.size and not flat_a[first:].any()),
        nonfinite_a=int((~np.isfinite(flat_a)).sum()),
        nonfinite_b=int((~np.isfinite(flat_b)).sum()),
        correlation=compute_correlation(flat_a[finite], flat_b[finite]),
        ratio=_compute_rms(flat_a[finite]) / max(_compute_rms(flat_b[finite]), 1e-300),
    )


def to_real_array(array: Array) -> Array:
    """The array in float64 (ml_dtypes included); complex numbers as pairs."""
    if array.dtype.kind == "c":
        return np.ascontiguousarray(array).view(array.real.dtype).astype(np.float64)
    return array.astype(np.float64)


def compute_correlation(a: Array, b: Array) -> float:
    """Pearson's correlation of two flat arrays; 0 where one of them does not vary."""
    if a.size < 2:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        centred_a, centred_b = a - a.mean(), b - b.mean()
        scale = np.sqrt((centred_a @ centred_a) * (centred_b @ centred_b))
        if np.isfinite(scale) and scale > 0:
            return float(centred_a @ centred_b / scale)
        return 0.0


def _compute_rms(values: Array) -> float:
    with np.errstate(over="ignore"):
        if values.size:
            return float(np.sqrt(np.mean(values * values)))
        return 0.0


Freshness = Literal["zero", "constant", "uniform", "normal"]


def judge_freshness(array: Array) -> Freshness | None:
    """How a weight looks as if a constructor had just made it, or None where training has left its mark.

    All zero or constant (two values or more); uniform within ±1/sqrt(fan_in), as PyTorch's Linear and Conv start; or normal
    with the same variance in every output row. The two distributions are tested by Kolmogorov and Smirnov at 1 %, on at
    least 64 values; training leaves heavier tails and rows of unequal gain. A trained tensor passes by chance where it is
    small, so this is only evidence beside a reference that looks trained.
    """
    values = to_real_array(array)
    if values.size < 2 or not np.isfinite(values).all():
        return None
    if values.min() == values.max():
        if values.any():
            return "constant"
        return "zero"
    if values.ndim > 1 and values.size >= MIN_SAMPLED_VALUES:
        return _fit_distribution(values)
    return None


def _fit_distribution(values: Array) -> Freshness | None:
    """Which constructor's distribution the values fit, if any."""
    sample = np.sort(values.ravel()[:: max(1, values.size // MAX_SAMPLED_VALUES)])
    critical = KS_CRITICAL / np.sqrt(sample.size)
    bound = 1 / np.sqrt(prod(values.shape[1:]))
    if (
        np.abs(values).max() <= bound * (1 + 1e-6)
        and _measure_ks_distance(sample, (sample + bound) / (2 * bound)) < critical
    ):
        return "uniform"
    from scipy.special import ndtr

    if _measure_ks_distance(
        sample, ndtr(sample / _compute_rms(sample))
    ) < critical and _has_even_rows(values):
        return "normal"
    return None


def _measure_ks_distance(sorted_sample: Array, expected_shares: Array) -> float:
    """Kolmogorov-Smirnov distance of a sorted sample from the distribution whose values at the sample are `expected`."""
    sample_shares = np.arange(sorted_sample.size + 1) / sorted_sample.size
    return float(
        max(
            np.abs(expected_shares - sample_shares[:-1]).max(),
            np.abs(sample_shares[1:] - expected_shares).max(),
        )
    )


def _has_even_rows(values: Array) -> bool:
    """Whether the rows' variances scatter no more than those of independent normals (within four standard errors)."""
    rows = values.reshape(values.shape[0], -1)
    if rows.shape[0] < 4 or rows.shape[1] < 4:
        return True
    variances = rows.var(axis=1)
    spread = variances.std() / variances.mean()
    expected_spread = np.sqrt(2 / (rows.shape[1] - 1))
    return bool(spread < expected_spread * (1 + 4 / np.sqrt(2 * rows.shape[0])))
