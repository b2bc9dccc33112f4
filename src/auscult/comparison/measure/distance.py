"""Measure how far two records are apart, from whatever was kept of them: all values, a sketch, a
sample or statistics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.comparison.align.axes import (
    AxisOrder,
    find_axis_order,
    fit_shape_to_rank,
    to_reference_order,
)
from auscult.comparison.measure.mask_forms import is_same_mask
from auscult.explain.algebra.nearness import relative_error
from auscult.traces import sketch
from auscult.traces.records import Record, Trace
from auscult.weights import Array

DistanceBasis = Literal["values", "sketch", "sample", "statistics"]
INFINITE_ERROR = float("inf")
MAX_GUIDANCE_ROWS = 4
"""Rows of one batch that guidance makes of one input: with and without the text, the picture, the
voice.

Chosen, not measured.
"""


@dataclass(frozen=True)
class RecordDistance:
    """Relative error between two records.

    Attributes:
        error: |candidate - reference| / |reference|; infinite where shapes or places of non-finite
            elements differ.
        how: From all values, from projections (right to a few percent), from 4096 elements, or from
            moments and quantiles alone, which cannot tell two tensors of one distribution apart.
        reason: Why the error is infinite.
    """

    error: float
    how: DistanceBasis = "values"
    reason: str = ""


def measure_distance(
    reference: Trace, a: Record, candidate: Trace, b: Record, usual: Mapping[int, AxisOrder]
) -> RecordDistance:
    """The relative error of record b of the candidate against record a of the reference.

    Args:
        usual: Per number of axes, the candidate's order in terms of the reference's.
    """
    if a.stored == b.stored == "full":
        return measure_array_distance(reference.tensor(a), candidate.tensor(b), usual)
    if sketch.get_canonical_shape(a.shape) != sketch.get_canonical_shape(b.shape):
        return RecordDistance(
            INFINITE_ERROR,
            "statistics",
            f"shape {list(b.shape)} where the reference has {list(a.shape)}",
        )
    if a.statistics.non_finite != b.statistics.non_finite:
        return RecordDistance(
            INFINITE_ERROR, "statistics", f"{b.statistics.non_finite} elements are not finite"
        )
    stored_kinds = {a.stored, b.stored}
    if stored_kinds <= {"full", "sketch"} and not (
        sketch.is_ambiguous(a.shape) and a.shape != b.shape
    ):
        return RecordDistance(
            sketch.estimate_relative_error(reference.sketch(a), candidate.sketch(b)), "sketch"
        )
    if stored_kinds <= {"full", "sample"}:
        return RecordDistance(
            relative_error(_read_sample(candidate, b), _read_sample(reference, a)), "sample"
        )
    return RecordDistance(_compare_statistics(a, b), "statistics")


def measure_array_distance(
    reference: Array, candidate: Array, usual: Mapping[int, AxisOrder]
) -> RecordDistance:
    """The same for two tensors; where all rows of one say the same, as guidance makes them, and the
    other has one, one counts.
    """
    unturned_candidate, candidate = candidate, to_reference_order(reference, candidate, usual)
    if candidate.shape != reference.shape:
        reference = _collapse_equal_rows(reference)
        candidate = to_reference_order(reference, _collapse_equal_rows(unturned_candidate), usual)
    if candidate.shape != reference.shape:
        return RecordDistance(
            INFINITE_ERROR,
            "values",
            f"shape {list(candidate.shape)} where the reference has {list(reference.shape)}",
        )
    if is_same_mask(reference, candidate):
        return RecordDistance(0.0)
    error_value = relative_error(candidate, reference)
    if np.isfinite(error_value):
        return RecordDistance(error_value)
    return RecordDistance(error_value, "values", "not finite, or the reference is all zero")


def _collapse_equal_rows(array: Array) -> Array:
    if array.ndim < 2 or not 1 < array.shape[0] <= MAX_GUIDANCE_ROWS:
        return array
    if all(np.array_equal(array[0], row) for row in array[1:]):
        return array[:1]
    return array


def learn_axis_order(reference: Array, candidate: Array) -> AxisOrder | None:
    """The order of the candidate's axes where shape or values establish it."""
    shape = fit_shape_to_rank(reference.shape, candidate.shape)
    if shape is None or candidate.ndim != reference.ndim or sum(n > 1 for n in reference.shape) < 2:
        return None
    order, is_established = find_axis_order(reference, candidate.reshape(shape), {})
    is_exact = tuple(candidate.shape[axis] for axis in order) == reference.shape
    if is_established and is_exact:
        return order
    return None


def _read_sample(trace: Trace, record: Record) -> Array:
    tensor = trace.tensor(record)
    if record.stored == "sample":
        return tensor
    return sketch.sample_elements(tensor)


def _compare_statistics(a: Record, b: Record) -> float:
    reference_statistics, candidate_statistics = a.statistics, b.statistics
    gaps = [
        abs(reference_statistics.mean - candidate_statistics.mean),
        abs(reference_statistics.std - candidate_statistics.std),
        abs(reference_statistics.rms - candidate_statistics.rms),
    ]
    reference_quantiles = np.array(reference_statistics.quantiles)
    candidate_quantiles = np.array(candidate_statistics.quantiles)
    if reference_quantiles.size and reference_quantiles.size == candidate_quantiles.size:
        squared_gaps = (reference_quantiles - candidate_quantiles) ** 2
        gaps.append(float(np.sqrt(np.mean(squared_gaps))))
    worst_gap = max(gaps)
    if reference_statistics.rms:
        return worst_gap / reference_statistics.rms
    if worst_gap == 0:
        return 0.0
    return INFINITE_ERROR
