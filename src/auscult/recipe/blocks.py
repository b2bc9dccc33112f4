"""Large arrays in pieces that fit the cache, so that a computation in float64 never needs twice the tensor in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from auscult.weights import Array, Shape

BLOCK_ELEMENTS = 2**18
"""Elements in a block: 1 MiB of float32."""


def iter_block_slices(
    shape: Shape, axis: int = 0, elements: int = BLOCK_ELEMENTS
) -> Iterator[tuple[slice, ...]]:
    """Indices that cut an array along `axis` in pieces of about `elements` (at least one index of the axis)."""
    if not shape:
        yield ()
        return
    row = max(1, prod(shape) // max(1, shape[axis]))
    step = max(1, elements // row)
    for start in range(0, shape[axis], step):
        yield (*(slice(None),) * axis, slice(start, start + step))


def has_same_bits(a: Array, b: Array) -> bool:
    """Whether two arrays hold the same shape, dtype and bits; NaN payloads and the sign of zero count."""
    if a.shape != b.shape or a.dtype.name != b.dtype.name:
        return False
    if a.dtype != b.dtype:
        b = b.astype(a.dtype)  # another byte order
    if a.size <= BLOCK_ELEMENTS:
        return _is_equal(view_as_integers(a), view_as_integers(b))
    axis = _find_widest_axis(a)
    return all(
        _is_equal(view_as_integers(a[block_index]), view_as_integers(b[block_index]))
        for block_index in iter_block_slices(a.shape, axis)
    )


_thread_buffers = threading.local()


def _is_equal(a: Array, b: Array) -> bool:
    """`np.array_equal` with a result buffer that each thread keeps: fresh memory costs a page fault for every 4 KiB."""
    buffer: Array | None = getattr(_thread_buffers, "flags", None)
    if buffer is None or buffer.size < a.size:
        buffer = _thread_buffers.flags = np.empty(max(BLOCK_ELEMENTS, a.size), np.bool_)
    order = find_run_order(a, b)
    flags = buffer[: a.size].reshape([a.shape[axis] for axis in order])
    np.equal(a.transpose(order), b.transpose(order), out=flags)
    return bool(flags.all())


def find_run_order(a: Array, b: Array) -> list[int]:
    """The order of axes of one of two arrays in memory: of the one whose last axis is longer, for long runs are fast runs."""
    orders = [sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis])) for x in (a, b)]
    return max(orders, key=lambda order: a.shape[order[-1]] if order else 0)


def view_as_integers(array: Array) -> Array:
    """The array's bits as unsigned integers, without a copy where the element size allows it."""
    size = array.dtype.itemsize
    if array.dtype.kind in "ui" or array.dtype == np.bool_:
        return array
    if size in (1, 2, 4, 8):
        return array.view(np.dtype(f"u{size}"))
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _find_widest_axis(array: Array) -> int:
    """The axis whose steps are widest in memory: cutting there leaves compact pieces."""
    if array.ndim:
        return int(np.argmax(np.abs(array.strides)))
    return 0


def get_eps(dtype: np.dtype[Any]) -> float:
    """Distance from 1 to the next number of a floating format; 0 for integers."""
    if dtype.kind in "iub" or dtype.name in ("int4", "uint4"):
        return 0.0
    return float(finfo(dtype).eps)


def get_tiny(dtype: np.dtype[Any]) -> float:
    """Smallest positive number of a floating format, subnormals included."""
    return float(finfo(dtype).smallest_subnormal)


def finfo(dtype: np.dtype[Any]) -> Any:
    """Limits of a floating format, numpy's own or ml_dtypes' (imported only for those)."""
    if dtype.kind != "V" and not dtype.name.startswith(("bfloat", "float8", "float6", "float4")):
        return np.finfo(dtype)
    import ml_dtypes

    limits: Any = ml_dtypes.finfo
    return limits(dtype)


def measure_worst_error(actual: Array, expected: Array, tolerance: Array) -> float:
    """Largest |found - expected| / tolerance; a pair of equal infinities or of two NaN counts 0, anything else non-finite inf."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        is_same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        ratio = np.where(is_same, 0.0, np.abs(actual - expected) / tolerance)
    if ratio.size == 0:
        return 0.0
    largest = float(np.max(ratio))
    if np.isnan(largest):
        return float("inf")
    return largest
