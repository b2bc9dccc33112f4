"""How two arrays of one shape differ: where, how much of them, and whether one of them looks damaged or never trained."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, prod, sqrt
from typing import Literal

import numpy as np

from auscult.weights import Array

MAX_SAMPLED_VALUES = 1 << 16
"""Values that a test of distribution looks at, evenly spread over the tensor. Chosen, not measured."""
MIN_SAMPLED_VALUES = 64
"""Values; a smaller tensor is too small to test its distribution. Chosen, not measured."""
KS_CRITICAL = 1.63
"""Kolmogorov-Smirnov critical value at a significance of 1 %, times 1/sqrt(n). A value from the table of that test."""
KS_PLACES = 1024
"""Places of a sorted sample at which its distribution is looked at first. Chosen for speed: it decides nothing."""
BOUND_SLACK = 1e-6
"""Share by which a value may lie outside 1/sqrt(fan_in): the rounding of the bound to float32. Chosen, not measured."""
MIN_ROWS = 4
"""Rows, and values in each, from which the scatter of the rows' variances is looked at. Chosen, not measured."""
MAX_ROW_SIGMAS = 4.0
"""Standard errors by which the variances of rows drawn from one normal distribution may scatter. Chosen, not measured."""


@dataclass(frozen=True)
class ArrayDifference:
    """How a candidate's array differs from the reference's, both flattened.

    Attributes:
        equal_share: Share of positions at which the values are equal, 0 to 1.
        first, last: First and last position that differs.
        size: Number of values.
        tail_zero: Whether every value of the candidate from the first difference on is zero.
        nonfinite_candidate, nonfinite_reference: How many NaN or Inf values.
        correlation: Pearson's, over the positions at which both are finite; 0 where one side is constant.
        ratio: rms(candidate) / rms(reference) over these positions.
    """

    equal_share: float
    first: int
    last: int
    size: int
    tail_zero: bool
    nonfinite_candidate: int
    nonfinite_reference: int
    correlation: float
    ratio: float


def measure_difference(candidate: Array, reference: Array) -> ArrayDifference:
    """Compare two arrays of one shape, element by element, in float64."""
    flat_candidate, flat_reference = _flatten_pair(candidate, reference)
    is_finite = np.isfinite(flat_candidate), np.isfinite(flat_reference)
    finite_candidate, finite_reference = flat_candidate, flat_reference
    unequal_flags = flat_candidate != flat_reference
    if not (is_finite[0].all() and is_finite[1].all()):
        unequal_flags &= ~(np.isnan(flat_candidate) & np.isnan(flat_reference))
        finite = is_finite[0] & is_finite[1]
        finite_candidate, finite_reference = flat_candidate[finite], flat_reference[finite]
    unequal = np.flatnonzero(unequal_flags)
    first, last, equal_share = flat_candidate.size, -1, 1.0
    if unequal.size:
        first, last = int(unequal[0]), int(unequal[-1])
        equal_share = 1.0 - unequal.size / flat_candidate.size
    return ArrayDifference(
        equal_share=equal_share,
        first=first,
        last=last,
        size=flat_candidate.size,
        tail_zero=bool(unequal.size and not flat_candidate[first:].any()),
        nonfinite_candidate=flat_candidate.size - int(np.count_nonzero(is_finite[0])),
        nonfinite_reference=flat_reference.size - int(np.count_nonzero(is_finite[1])),
        correlation=compute_correlation(finite_candidate, finite_reference),
        ratio=_compute_rms(finite_candidate) / max(_compute_rms(finite_reference), 1e-300),
    )


def _flatten_pair(candidate: Array, reference: Array) -> tuple[Array, Array]:
    """Both as flat real arrays of one length; a real one beside a complex one counts as complex."""
    arrays = [candidate, reference]
    if (candidate.dtype.kind == "c") != (reference.dtype.kind == "c"):
        arrays = [
            array if array.dtype.kind == "c" else array.astype(np.complex128) for array in arrays
        ]
    return to_real_array(arrays[0]).ravel(), to_real_array(arrays[1]).ravel()


def to_real_array(array: Array) -> Array:
    """The array in float64 (ml_dtypes included); complex numbers as pairs."""
    if array.dtype.kind == "c":
        return np.ascontiguousarray(array).view(array.real.dtype).astype(np.float64)
    return array.astype(np.float64, copy=False)


def compute_correlation(candidate: Array, reference: Array) -> float:
    """Pearson's correlation of two flat arrays; 0 where one of them does not vary."""
    if candidate.size < 2:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        x, y = candidate - candidate.mean(), reference - reference.mean()
        scale = np.sqrt((x @ x) * (y @ y))
        if np.isfinite(scale) and scale > 0:
            return float(x @ y / scale)
        return 0.0


def _compute_rms(values: Array) -> float:
    with np.errstate(over="ignore"):
        if values.size:
            return float(np.sqrt(np.vdot(values, values) / values.size))
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
        np.abs(values).max() <= bound * (1 + BOUND_SLACK)
        and _measure_ks_distance(sample, (sample + bound) / (2 * bound)) < critical
    ):
        return "uniform"
    if _is_near_normal(sample, critical) and _has_even_rows(values):
        return "normal"
    return None


def _is_near_normal(sorted_sample: Array, critical: float) -> bool:
    """Whether the Kolmogorov-Smirnov distance of a sample from a normal distribution around 0 is below the critical one.

    A few of its places bound the distance at all others, because both shares only rise; all are looked at where the bounds
    leave it open.
    """
    scaled_sample = sorted_sample / _compute_rms(sorted_sample)
    size = scaled_sample.size
    places = np.unique(np.linspace(0, size - 1, KS_PLACES).astype(np.int64))
    shares = _compute_normal_shares(scaled_sample[places])
    if max(np.abs(shares - places / size).max(), np.abs(shares - (places + 1) / size).max()) >= (
        critical
    ):
        return False
    furthest_above = (shares[1:] - (places[:-1] + 1) / size).max(initial=0.0)
    furthest_below = (places[1:] / size - shares[:-1]).max(initial=0.0)
    if max(furthest_above, furthest_below) < critical:
        return True
    return _measure_ks_distance(scaled_sample, _compute_normal_shares(scaled_sample)) < critical


def _compute_normal_shares(values: Array) -> Array:
    """The share of the standard normal distribution below each value; without the import of SciPy, which takes longer."""
    return np.array([0.5 * erfc(-value) for value in (values * sqrt(0.5)).tolist()])


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
    """Whether the rows' variances scatter no more than those of independent normals."""
    rows = values.reshape(values.shape[0], -1)
    if min(rows.shape) < MIN_ROWS:
        return True
    variances = rows.var(axis=1)
    spread = variances.std() / variances.mean()
    expected_spread = np.sqrt(2 / (rows.shape[1] - 1))
    return bool(spread < expected_spread * (1 + MAX_ROW_SIGMAS / np.sqrt(2 * rows.shape[0])))
