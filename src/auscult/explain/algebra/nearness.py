"""How near two tensors are, and how near they must be to count as the same computation."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from auscult.weights import Array

# Rounding of a short chain of operations in each format, relative to the rms of the result.
ROUNDING_TOLERANCES = {"float64": 1e-9, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}
MAX_AXES = 5


def get_rounding_tolerance(array: Array) -> float:
    """The relative error that a textbook recomputation in float64 may have against that tensor."""
    return ROUNDING_TOLERANCES.get(array.dtype.name, 0.0 if array.dtype.kind in "iub" else 2e-5)


def to_float64(array: Array) -> Array:
    """The tensor in float64 (complex128 if it is complex)."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def has_same_real_shape(reference: Array, candidate: Array) -> bool:
    """Whether both have one shape, and the reference has real numbers of any floating format."""
    return reference.shape == candidate.shape and reference.dtype.kind in "fV"


def relative_error(candidate: Array, reference: Array) -> float:
    """rms(got - wanted) / rms(wanted); infinite where shapes or places of non-finite elements differ."""
    if candidate.shape != reference.shape:
        return float("inf")
    if candidate.size == 0:
        return 0.0
    with np.errstate(all="ignore"):
        difference = np.abs(to_float64(candidate) - to_float64(reference))
        finite = np.isfinite(difference)
        if not finite.all():
            if candidate.dtype.kind != "c":
                is_equal = (candidate == reference) | (np.isnan(candidate) & np.isnan(reference))
            else:
                is_equal = candidate == reference
            if not (finite | is_equal).all():
                return float("inf")
        if finite.any():
            reference_rms = np.sqrt(np.mean(np.abs(to_float64(reference)[finite]) ** 2))
        else:
            reference_rms = 0.0
        if finite.any():
            difference_rms = np.sqrt(np.mean(difference[finite] ** 2))
        else:
            difference_rms = 0.0
    if reference_rms == 0:
        if difference_rms == 0:
            return 0.0
        return float("inf")
    return float(difference_rms / reference_rms)


def compute_energy(array: Array) -> float:
    """The sum of squares of its finite elements."""
    values = to_float64(array)
    return float(np.sum(np.abs(values[np.isfinite(values)]) ** 2))


def bound_relative_error(candidate: Array, reference: Array, whole_energy: float) -> float:
    """What `error` is at least where these are parts of two tensors: a cheap way to drop what cannot be near.

    Args:
        whole: The `energy` of the tensor that `wanted` is a part of.
    """
    if (
        candidate.shape != reference.shape
        or (np.isfinite(candidate) != np.isfinite(reference)).any()
    ):
        return float("inf")
    difference_energy = compute_energy(
        np.subtract(
            candidate, reference, where=np.isfinite(candidate), out=np.zeros_like(reference)
        )
    )
    if difference_energy == 0:
        return 0.0
    return float(np.sqrt(difference_energy / whole_energy)) if whole_energy else float("inf")


def orient_axes(reference: Array, candidate: Array) -> Array:
    """The candidate's tensor with its axes in the reference's order.

    The permutation is the one whose shape fits best (lengths may differ by a few frames), and among equals the one whose
    values are nearest; the axes stay as they are where that is no worse than another order.
    """
    if reference.ndim != candidate.ndim:
        candidate = _match_rank(reference, candidate)
    if reference.ndim != candidate.ndim or not 2 <= reference.ndim <= MAX_AXES:
        return candidate
    orders = list(permutations(range(candidate.ndim)))
    misfits = [
        _measure_misfit(reference.shape, tuple(candidate.shape[axis] for axis in order))
        for order in orders
    ]
    best = [order for order, misfit in zip(orders, misfits, strict=True) if misfit == min(misfits)]
    if len(best) == 1 or min(misfits) > (0, 0):
        return candidate.transpose(best[0])
    return candidate.transpose(
        min(best, key=lambda order: _rank_order(candidate.transpose(order), reference, order))
    )


def _match_rank(reference: Array, candidate: Array) -> Array:
    """Axes of length one come and go: [batch, time] is [batch, 1, time]."""
    squeezed = candidate.reshape([n for n in candidate.shape if n != 1])
    if squeezed.ndim > reference.ndim:
        return candidate
    reference_lengths = [n for n in reference.shape if n != 1]
    if squeezed.ndim != len(reference_lengths):
        return squeezed.reshape(squeezed.shape + (1,) * (reference.ndim - squeezed.ndim))
    lengths = iter(squeezed.shape)
    return squeezed.reshape([1 if n == 1 else next(lengths) for n in reference.shape])


def _measure_misfit(
    reference_shape: tuple[int, ...], candidate_shape: tuple[int, ...]
) -> tuple[int, int]:
    return sum(a != b for a, b in zip(reference_shape, candidate_shape, strict=True)), sum(
        abs(a - b) for a, b in zip(reference_shape, candidate_shape, strict=True)
    )


def _rank_order(candidate: Array, reference: Array, order: tuple[int, ...]) -> tuple[float, int]:
    distance = relative_error(candidate, reference)
    moved = sum(place != axis for place, axis in enumerate(order))
    if np.isfinite(distance):
        return (round(distance, 3), moved)
    return (1e9, moved)
