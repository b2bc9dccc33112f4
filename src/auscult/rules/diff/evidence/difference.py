"""How two arrays of one shape differ: where, how much of them, and whether one of them looks damaged or never trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import erfc, isfinite, prod, sqrt
from typing import Literal

import numpy as np

from auscult.align.dot_products import compute_dot_product
from auscult.weights import Array

BLOCK_SIZE = 1 << 15
"""Values that are compared at once: 256 KiB in float64 stay in the second-level cache for all passes."""
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
    """Compare two arrays of one shape, element by element, in float64; a block at a time, which stays in the cache."""
    flat_arrays = _flatten_pair(candidate, reference)
    tally = _PairTally(flat_arrays[0].size)
    for block_candidate, block_reference in _iter_real_blocks(*flat_arrays):
        tally.add(block_candidate, block_reference)
    unequal_count = tally.unequal_count
    equal_share = 1.0 - unequal_count / tally.size if unequal_count else 1.0
    return ArrayDifference(
        equal_share=equal_share,
        first=tally.first,
        last=tally.last,
        size=tally.size,
        tail_zero=bool(unequal_count) and not tally.tail_has_values,
        nonfinite_candidate=tally.nonfinite[0],
        nonfinite_reference=tally.nonfinite[1],
        correlation=_correlate_blocks(flat_arrays, tally),
        ratio=tally.compute_rms(0) / max(tally.compute_rms(1), 1e-300),
    )


class _PairTally:
    """What is counted over the blocks of two arrays, the candidate's first.

    Attributes:
        finite_count: Positions at which both are finite; `sums` and `squares` are over these.
        tail_has_values: Whether the candidate has anything but zeros from the first difference on.
    """

    def __init__(self, size: int) -> None:
        self.size, self.seen_count = size, 0
        self.unequal_count, self.first, self.last = 0, size, -1
        self.tail_has_values = False
        self.nonfinite = [0, 0]
        self.finite_count = 0
        self.sums = [0.0, 0.0]
        self.squares = [0.0, 0.0]

    def add(self, candidate: Array, reference: Array) -> None:
        """Count a block of each, float64."""
        unequal_flags = candidate != reference
        is_finite = np.isfinite(candidate), np.isfinite(reference)
        kept = candidate, reference
        if not (is_finite[0].all() and is_finite[1].all()):
            unequal_flags &= ~(np.isnan(candidate) & np.isnan(reference))
            finite = is_finite[0] & is_finite[1]
            kept = candidate[finite], reference[finite]
        self._note_unequal(unequal_flags, candidate)
        self.finite_count += kept[0].size
        with np.errstate(over="ignore"):
            for side in (0, 1):
                self.nonfinite[side] += candidate.size - int(np.count_nonzero(is_finite[side]))
                self.sums[side] += float(kept[side].sum())
                self.squares[side] += compute_dot_product(kept[side], kept[side])

    def _note_unequal(self, unequal_flags: Array, candidate: Array) -> None:
        tail = candidate
        if unequal_flags.any():
            places = np.flatnonzero(unequal_flags)
            if self.last < 0:
                self.first = self.seen_count + int(places[0])
                tail = candidate[places[0] :]
            self.last = self.seen_count + int(places[-1])
            self.unequal_count += places.size
        if self.last >= 0 and not self.tail_has_values:
            self.tail_has_values = bool(tail.any())
        self.seen_count += candidate.size

    def compute_rms(self, side: int) -> float:
        if self.finite_count:
            return sqrt(self.squares[side] / self.finite_count)
        return 0.0


def _correlate_blocks(flat_arrays: tuple[Array, Array], tally: _PairTally) -> float:
    """Pearson's correlation over the positions at which both are finite; 0 where one of them does not vary."""
    if tally.finite_count < 2:
        return 0.0
    means = [total / tally.finite_count for total in tally.sums]
    product, squares = 0.0, [0.0, 0.0]
    has_nonfinite = any(tally.nonfinite)
    with np.errstate(over="ignore", invalid="ignore"):
        for candidate, reference in _iter_real_blocks(*flat_arrays):
            x, y = candidate, reference
            if has_nonfinite:
                finite = np.isfinite(candidate) & np.isfinite(reference)
                x, y = candidate[finite], reference[finite]
            x, y = x - means[0], y - means[1]
            product += compute_dot_product(x, y)
            squares[0] += compute_dot_product(x, x)
            squares[1] += compute_dot_product(y, y)
        scale = np.sqrt(np.float64(squares[0]) * squares[1])
        if np.isfinite(scale) and scale > 0:
            return float(product / scale)
    return 0.0


def _iter_real_blocks(candidate: Array, reference: Array) -> Iterator[tuple[Array, Array]]:
    """Both flat arrays in float64, a block of each at a time."""
    for start in range(0, candidate.size, BLOCK_SIZE):
        block = slice(start, start + BLOCK_SIZE)
        yield to_real_array(candidate[block]), to_real_array(reference[block])


def _flatten_pair(candidate: Array, reference: Array) -> tuple[Array, Array]:
    """Both as flat arrays of one length, complex numbers as pairs; a real one beside a complex one counts as complex."""
    arrays = [candidate, reference]
    if (candidate.dtype.kind == "c") != (reference.dtype.kind == "c"):
        arrays = [
            array if array.dtype.kind == "c" else array.astype(np.complex128) for array in arrays
        ]
    return split_complex(arrays[0]).ravel(), split_complex(arrays[1]).ravel()


def split_complex(array: Array) -> Array:
    """Complex numbers as pairs of real ones along the last axis; any other array as it is."""
    if array.dtype.kind == "c":
        return np.ascontiguousarray(array).view(array.real.dtype)
    return array


def to_real_array(array: Array) -> Array:
    """The array in float64 (ml_dtypes included); complex numbers as pairs."""
    return split_complex(array).astype(np.float64, copy=False)


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
    values = split_complex(array)
    if values.size < 2:
        return None
    low, high = find_range(values)
    if not (isfinite(low) and isfinite(high)):
        return None
    if low == high:
        if low:
            return "constant"
        return "zero"
    if values.ndim > 1 and values.size >= MIN_SAMPLED_VALUES:
        return _fit_distribution(values, max(-low, high))
    return None


def find_range(values: Array) -> tuple[float, float]:
    """The lowest and the highest of real values; both NaN where any of them is."""
    if values.dtype.kind not in "fiub":  # ml_dtypes' types, of which numpy knows no order
        values = to_real_array(values)
    return float(values.min()), float(values.max())


def _fit_distribution(values: Array, peak: float) -> Freshness | None:
    """Which constructor's distribution the values fit, if any; `peak` is their largest magnitude."""
    flat_values = values.ravel()
    sample = np.sort(to_real_array(flat_values[:: max(1, values.size // MAX_SAMPLED_VALUES)]))
    critical = KS_CRITICAL / np.sqrt(sample.size)
    bound = 1 / np.sqrt(prod(values.shape[1:]))
    if (
        peak <= bound * (1 + BOUND_SLACK)
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
    step = max(1, BLOCK_SIZE // rows.shape[1])
    starts = range(0, len(rows), step)
    variances = np.concatenate(
        [to_real_array(rows[start : start + step]).var(axis=1) for start in starts]
    )
    spread = variances.std() / variances.mean()
    expected_spread = np.sqrt(2 / (rows.shape[1] - 1))
    return bool(spread < expected_spread * (1 + MAX_ROW_SIGMAS / np.sqrt(2 * rows.shape[0])))
