"""How near two tensors are, and how near they must be to count as the same computation."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from auscult.weights import Array

# Rounding of a short chain of operations in each format, relative to the rms of the result.
ROUNDING = {"float64": 1e-9, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}
MAX_AXES = 5


def tolerance(array: Array) -> float:
    """The relative error that a textbook recomputation in float64 may have against that tensor."""
    return ROUNDING.get(array.dtype.name, 0.0 if array.dtype.kind in "iub" else 2e-5)


def real(array: Array) -> Array:
    """The tensor in float64 (complex128 if it is complex)."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def error(got: Array, wanted: Array) -> float:
    """rms(got - wanted) / rms(wanted); infinite where shapes or places of non-finite elements differ."""
    if got.shape != wanted.shape:
        return float("inf")
    if got.size == 0:
        return 0.0
    with np.errstate(all="ignore"):
        difference = np.abs(real(got) - real(wanted))
        finite = np.isfinite(difference)
        if not finite.all():
            same = (
                (got == wanted) | (np.isnan(got) & np.isnan(wanted))
                if got.dtype.kind != "c"
                else got == wanted
            )
            if not (finite | same).all():
                return float("inf")
        power = np.sqrt(np.mean(np.abs(real(wanted)[finite]) ** 2)) if finite.any() else 0.0
        missed = np.sqrt(np.mean(difference[finite] ** 2)) if finite.any() else 0.0
    if power == 0:
        return 0.0 if missed == 0 else float("inf")
    return float(missed / power)


def energy(array: Array) -> float:
    """The sum of squares of its finite elements."""
    values = real(array)
    return float(np.sum(np.abs(values[np.isfinite(values)]) ** 2))


def least_error(got: Array, wanted: Array, whole: float) -> float:
    """What `error` is at least where these are parts of two tensors: a cheap way to drop what cannot be near.

    Args:
        whole: The `energy` of the tensor that `wanted` is a part of.
    """
    if got.shape != wanted.shape or (np.isfinite(got) != np.isfinite(wanted)).any():
        return float("inf")
    missed = energy(np.subtract(got, wanted, where=np.isfinite(got), out=np.zeros_like(wanted)))
    return 0.0 if missed == 0 else float(np.sqrt(missed / whole)) if whole else float("inf")


def oriented(reference: Array, candidate: Array) -> Array:
    """The candidate's tensor with its axes in the reference's order.

    The permutation is the one whose shape fits best (lengths may differ by a few frames), and among equals the one whose
    values are nearest; the axes stay as they are where that is no worse than another order.
    """
    if reference.ndim != candidate.ndim:
        candidate = _same_rank(reference, candidate)
    if reference.ndim != candidate.ndim or not 2 <= reference.ndim <= MAX_AXES:
        return candidate
    orders = list(permutations(range(candidate.ndim)))
    misfits = [
        _misfit(reference.shape, tuple(candidate.shape[axis] for axis in order)) for order in orders
    ]
    best = [order for order, misfit in zip(orders, misfits, strict=True) if misfit == min(misfits)]
    if len(best) == 1 or min(misfits) > (0, 0):
        return candidate.transpose(best[0])
    return candidate.transpose(
        min(best, key=lambda order: _worse(candidate.transpose(order), reference, order))
    )


def _same_rank(reference: Array, candidate: Array) -> Array:
    """Axes of length one come and go: [batch, time] is [batch, 1, time]."""
    squeezed = candidate.reshape([n for n in candidate.shape if n != 1])
    if squeezed.ndim > reference.ndim:
        return candidate
    wanted = [n for n in reference.shape if n != 1]
    if squeezed.ndim != len(wanted):
        return squeezed.reshape(squeezed.shape + (1,) * (reference.ndim - squeezed.ndim))
    lengths = iter(squeezed.shape)
    return squeezed.reshape([1 if n == 1 else next(lengths) for n in reference.shape])


def _misfit(wanted: tuple[int, ...], got: tuple[int, ...]) -> tuple[int, int]:
    return sum(a != b for a, b in zip(wanted, got, strict=True)), sum(
        abs(a - b) for a, b in zip(wanted, got, strict=True)
    )


def _worse(got: Array, wanted: Array, order: tuple[int, ...]) -> tuple[float, int]:
    distance = error(got, wanted)
    moved = sum(place != axis for place, axis in enumerate(order))
    return (round(distance, 3), moved) if np.isfinite(distance) else (1e9, moved)
