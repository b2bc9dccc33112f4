"""Slices of one array (rows, mostly) that hold one value each, where the other array has values: what was not written, or wiped out.

The rest of the two arrays has to agree, so that they are the same weight; how closely is left to the number formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from auscult.checkpoint.constant_rows import RowRun, join_runs
from auscult.rules.diff.evidence.difference import compute_correlation, to_real_array
from auscult.weights import Array

MIN_REST_CORRELATION = 0.9
"""Correlation of the values outside the blank slices: 4-bit rounding leaves 0.99, another training of the same recipe 0.0,
fine-tunes at most lose some hundredths. Chosen, not measured."""
MIN_SLICE_LEVEL = 1e-3
"""Level of what the other side has in these slices, as a share of the rest of it: less may have been rounded to zero.
Chosen, not measured."""
MIN_SLICE_VALUES = 4
"""Values of a slice; in a shorter one, equal values are chance. Chosen, not measured."""

Blank = Literal["reference", "candidate"]


@dataclass(frozen=True)
class BlankSlices:
    """Slices of one side that are blank where the other side's are not.

    Attributes:
        side: The side that is blank there.
        axis: The slices are of one index each on this axis.
        runs: Which indices, neighbours joined.
        of: Length of the axis.
        zero: Whether all of these values are zero.
    """

    side: Blank
    axis: int
    runs: tuple[RowRun, ...]
    of: int
    zero: bool

    @property
    def count(self) -> int:
        return sum(run.rows for run in self.runs)


def find_blank_slices(candidate: Array, reference: Array) -> BlankSlices | None:
    """Blank slices of either array along any axis, or None; of several axes the one with the fewest slices.

    Args:
        candidate, reference: Two arrays of one shape with two axes or more.
    """
    if candidate.ndim < 2 or candidate.dtype.kind == "c" or reference.dtype.kind == "c":
        return None
    sides: tuple[tuple[Blank, Array, Array], ...] = (
        ("candidate", candidate, reference),
        ("reference", reference, candidate),
    )
    for side, blank, full in sides:
        for axis in range(candidate.ndim):
            slices = _find_along_axis(np.moveaxis(blank, axis, 0), np.moveaxis(full, axis, 0))
            if slices is not None:
                zero, runs = slices
                return BlankSlices(side, axis, runs, candidate.shape[axis], zero)
    return None


def _find_along_axis(blank: Array, full: Array) -> tuple[bool, tuple[RowRun, ...]] | None:
    """(whether all zero, the runs) of slices along axis 0 that are constant in `blank` only."""
    if blank.size < MIN_SLICE_VALUES * len(blank) or not _may_be_constant(blank).any():
        return None
    rows, full_rows = blank.reshape(len(blank), -1), full.reshape(len(full), -1)
    is_blank = (rows == rows[:, :1]).all(axis=1) & (full_rows != full_rows[:, :1]).any(axis=1)
    if not is_blank.any() or is_blank.all():
        return None
    rest, full_rest = to_real_array(rows[~is_blank]), to_real_array(full_rows[~is_blank])
    lost = to_real_array(full_rows[is_blank])
    finite = np.isfinite(rest) & np.isfinite(full_rest)
    if compute_correlation(rest[finite], full_rest[finite]) < MIN_REST_CORRELATION:
        return None
    level = float(np.sqrt(np.mean(np.square(full_rest[finite]))))
    if float(np.sqrt(np.mean(np.square(lost)))) < MIN_SLICE_LEVEL * level:
        return None
    return not rows[is_blank].any(), join_runs(np.flatnonzero(is_blank).tolist())


def _may_be_constant(slices: Array) -> Array:
    """Which slices along axis 0 have one value at their corners: few places, so that most arrays are not read for nothing."""
    first, last = _take_corner(slices, None), _take_corner(slices, "all")
    may_be = np.asarray(last == first)
    for axis in range(1, slices.ndim):
        may_be &= _take_corner(slices, axis) == first
    return may_be


def _take_corner(slices: Array, last: int | Literal["all"] | None) -> Array:
    """One value of each slice: the first along each axis, but the last along the axis `last` (or along all)."""
    places = (-1 if last in ("all", axis) else 0 for axis in range(1, slices.ndim))
    index: tuple[Any, ...] = (slice(None), *places)
    return np.asarray(slices[index])
