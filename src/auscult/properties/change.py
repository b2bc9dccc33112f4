"""How far two tensors that should be the same are apart."""

from __future__ import annotations

import math

import numpy as np

from auscult.weights import Array

MAX_ROUNDING = 1e-4
"""Relative error above which two runs differ by more than rounding in float32: other kernels for another shape change 1e-7 to 1e-6
in convolutions and attention, and deep nets raise that. Chosen, not measured."""
MAX_FINE_ROUNDING = 1e-8
"""The same in float64, in which the doubtful case is run again. Chosen, not measured."""
LIMITS = {"float64": MAX_FINE_ROUNDING, "float32": MAX_ROUNDING}
MAX_COARSE_ROUNDING = 3e-2
"""The same of a model that computes in 16 bits. Chosen, not measured."""


def find_limit(dtype: str) -> float:
    """The relative error that rounding alone may make in a number format."""
    return LIMITS.get(dtype, MAX_COARSE_ROUNDING)


def measure_change(reference: Array, candidate: Array) -> float:
    """rms(candidate - reference) / rms(reference); infinite where shapes or non-finite elements differ.

    Of integers (codes, ids): the share that differs.
    """
    if reference.shape != candidate.shape:
        return math.inf
    if reference.size == 0:
        return 0.0
    if reference.dtype.kind in "iub":
        return float(np.mean(reference != candidate))
    left, right = widen_elements(reference), widen_elements(candidate)
    is_finite = np.isfinite(left) & np.isfinite(right)
    if not is_finite.all():
        are_alike = (left == right) | (np.isnan(left) & np.isnan(right)) | is_finite
        if not are_alike.all():
            return math.inf
        left, right = left[is_finite], right[is_finite]
        if not left.size:
            return 0.0
    size = float(np.sqrt(np.mean(np.abs(left) ** 2)))
    change = float(np.sqrt(np.mean(np.abs(left - right) ** 2)))
    if size == 0.0:
        return math.inf if change else 0.0
    return change / size


def widen_elements(array: Array) -> Array:
    """The elements in float64 or complex128."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def crop_to(array: Array, shape: tuple[int, ...]) -> Array | None:
    """The first part of an array along every axis; None where it has other axes, or is shorter along one."""
    if array.ndim != len(shape) or any(
        length < wished for length, wished in zip(array.shape, shape, strict=True)
    ):
        return None
    return array[tuple(slice(0, length) for length in shape)]


def find_differing_frames(reference: Array, candidate: Array, axis: int, limit: float) -> Array:
    """Indices along an axis at which two arrays of one shape differ by more than a share of the reference's rms."""
    left, right = widen_elements(reference), widen_elements(candidate)
    axes = tuple(index for index in range(left.ndim) if index != axis)
    with np.errstate(all="ignore"):
        difference = np.abs(left - right)
        difference = np.where(np.isfinite(difference), difference, math.inf)
        finite = np.abs(left[np.isfinite(left)])
    size = float(np.sqrt(np.mean(finite**2))) if finite.size else 0.0
    worst = difference.max(axis=axes) if axes else difference
    return np.flatnonzero(worst > limit * max(size, np.finfo(np.float64).tiny))


def describe_error(error: float) -> str:
    """`0.05 off`, or that the two cannot be held against each other."""
    if math.isinf(error):
        return "of another length or no number"
    return f"{error:.2g} off"
