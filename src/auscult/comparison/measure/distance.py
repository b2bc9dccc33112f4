"""How far two records are apart, from whatever was kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.comparison.align.axes import Order, order_of, same_rank, turned
from auscult.explain.algebra.nearness import error
from auscult.traces import sketch
from auscult.traces.records import Record, Trace
from auscult.weights import Array

How = Literal["values", "sketch", "sample", "statistics"]
INFINITE = float("inf")
MOST_ROWS = 4
"""Of guidance: with and without the text, the picture, the voice."""


@dataclass(frozen=True)
class Distance:
    """Relative error between two records.

    Attributes:
        error: |candidate - reference| / |reference|; infinite where shapes or places of non-finite elements differ.
        how: From all values, from projections (right to a few percent), from 4096 elements, or from moments and quantiles
            alone, which cannot tell two tensors of one distribution apart.
        reason: Why the error is infinite.
    """

    error: float
    how: How = "values"
    reason: str = ""


def distance(ref: Trace, a: Record, cand: Trace, b: Record, usual: Mapping[int, Order]) -> Distance:
    """The relative error of record b of the candidate against record a of the reference.

    Args:
        usual: Per number of axes, the candidate's order in terms of the reference's.
    """
    if a.stored == b.stored == "full":
        return between(ref.tensor(a), cand.tensor(b), usual)
    if sketch.canonical_shape(a.shape) != sketch.canonical_shape(b.shape):
        return Distance(
            INFINITE, "statistics", f"shape {list(b.shape)} where the reference has {list(a.shape)}"
        )
    if a.statistics.non_finite != b.statistics.non_finite:
        return Distance(
            INFINITE, "statistics", f"{b.statistics.non_finite} elements are not finite"
        )
    kept = {a.stored, b.stored}
    if kept <= {"full", "sketch"} and not (sketch.is_ambiguous(a.shape) and a.shape != b.shape):
        return Distance(sketch.relative_error(ref.sketch(a), cand.sketch(b)), "sketch")
    if kept <= {"full", "sample"}:
        return Distance(error(_sampled(cand, b), _sampled(ref, a)), "sample")
    return Distance(_by_statistics(a, b), "statistics")


def between(reference: Array, candidate: Array, usual: Mapping[int, Order]) -> Distance:
    """The same for two tensors; where all rows of one say the same, as guidance makes them, and the other has one, one counts."""
    whole, candidate = candidate, turned(reference, candidate, usual)
    if candidate.shape != reference.shape:
        reference, candidate = (
            _one_row(reference),
            turned(_one_row(reference), _one_row(whole), usual),
        )
    if candidate.shape != reference.shape:
        return Distance(
            INFINITE,
            "values",
            f"shape {list(candidate.shape)} where the reference has {list(reference.shape)}",
        )
    found = error(candidate, reference)
    return Distance(
        found, "values", "" if np.isfinite(found) else "not finite, or the reference is all zero"
    )


def _one_row(array: Array) -> Array:
    rows = array.shape[0] if array.ndim > 1 else 1
    return (
        array[:1]
        if 1 < rows <= MOST_ROWS and all(np.array_equal(array[0], row) for row in array[1:])
        else array
    )


def learned_order(reference: Array, candidate: Array) -> Order | None:
    """The order of the candidate's axes where shape or values establish it."""
    shape = same_rank(reference.shape, candidate.shape)
    if shape is None or candidate.ndim != reference.ndim or sum(n > 1 for n in reference.shape) < 2:
        return None
    order, sure = order_of(reference, candidate.reshape(shape), {})
    exact = tuple(candidate.shape[axis] for axis in order) == reference.shape
    return order if sure and exact else None


def _sampled(trace: Trace, record: Record) -> Array:
    tensor = trace.tensor(record)
    return tensor if record.stored == "sample" else sketch.sample(tensor)


def _by_statistics(a: Record, b: Record) -> float:
    one, two = a.statistics, b.statistics
    gaps = [abs(one.mean - two.mean), abs(one.std - two.std), abs(one.rms - two.rms)]
    if one.quantiles and len(one.quantiles) == len(two.quantiles):
        gaps.append(
            float(np.sqrt(np.mean((np.array(one.quantiles) - np.array(two.quantiles)) ** 2)))
        )
    worst = max(gaps)
    return worst / one.rms if one.rms else (0.0 if worst == 0 else INFINITE)
