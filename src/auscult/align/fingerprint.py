"""Fingerprints that no reordering of elements changes, so that equal content is found whatever its name or axis order.

A fingerprint is exact: the sum of the elements' bit patterns (as unsigned integers, modulo 2⁶⁴) with the highest and the
lowest pattern. Floating-point sums depend on the order in which they are taken; sums of bit patterns do not, so that equal
content always has an equal fingerprint. Unequal content with an equal one is rare and is caught when the pair is confirmed
on the elements. Sums of patterns also add up: the fingerprint of a fused qkv is that of q, k and v together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auscult.weights import Array

BLOCK_SIZE = (
    1 << 16
)  # elements; 256 KiB of float32 stays in the second-level cache for the three passes
MAX_PLAIN_SUM = 128
_UINT64_MASK = (1 << 64) - 1

_PATTERN_DTYPES = {
    width: np.dtype(f"u{width}" if width <= 8 else f"V{width}") for width in (1, 2, 4, 8, 16, 32)
}


class Fingerprint(NamedTuple):
    """What is left of a tensor when the order of its elements is forgotten.

    Attributes:
        size: Number of elements.
        width: Bytes for each element.
        total: Sum of the bit patterns, modulo 2⁶⁴.
        high: Highest bit pattern.
        low: Lowest bit pattern.
    """

    size: int
    width: int
    total: int
    high: int
    low: int

    @property
    def constant(self) -> bool:
        """Whether all elements are the same, so that content says nothing about identity (true of any scalar)."""
        return self.high == self.low


def to_native_order(array: Array) -> Array:
    """The array in this machine's byte order (a copy only where it was in the other)."""
    if array.dtype.isnative:
        return array
    return array.astype(array.dtype.newbyteorder("="))


def view_as_bits(array: Array) -> NDArray[Any]:
    """The elements as unsigned integers of the same width, as a view; 16-byte elements as opaque bytes."""
    return array.view(_PATTERN_DTYPES[array.dtype.itemsize])


def compute_fingerprint(array: Array) -> Fingerprint:
    """The fingerprint of an array in native byte order; several passes over one block at a time."""
    width = array.dtype.itemsize
    if array.size == 0:
        return Fingerprint(0, width, 0, 0, 0)
    if width <= 8:
        patterns = _flatten_in_memory_order(view_as_bits(array))
    else:
        patterns = np.ascontiguousarray(array).reshape(-1).view(np.uint64)
    if array.size <= MAX_PLAIN_SUM:  # Python's own sums are quicker than three calls into numpy
        pattern_values = patterns.tolist()
        return Fingerprint(
            array.size,
            width,
            sum(pattern_values) & _UINT64_MASK,
            max(pattern_values),
            min(pattern_values),
        )
    total, high, low = 0, 0, _UINT64_MASK
    for start in range(0, len(patterns), BLOCK_SIZE):
        block = patterns[start : start + BLOCK_SIZE]
        total += int(np.add.reduce(block, axis=None, dtype=np.uint64))
        high = max(high, int(np.maximum.reduce(block, axis=None)))
        low = min(low, int(np.minimum.reduce(block, axis=None)))
    return Fingerprint(array.size, width, total & _UINT64_MASK, high, low)


def compute_joined_fingerprints(patterns: NDArray[Any], starts: Sequence[int]) -> list[Fingerprint]:
    """`compute_fingerprint` of arrays whose bit patterns lie end to end, where each of them starts; none is empty."""
    width = patterns.dtype.itemsize
    sizes = np.diff([*starts, len(patterns)]).tolist()
    totals = np.add.reduceat(patterns, starts, dtype=np.uint64).tolist()
    highs = np.maximum.reduceat(patterns, starts).tolist()
    lows = np.minimum.reduceat(patterns, starts).tolist()
    return [
        Fingerprint(size, width, total, high, low)
        for size, total, high, low in zip(sizes, totals, highs, lows, strict=True)
    ]


def _flatten_in_memory_order(array: NDArray[Any]) -> NDArray[Any]:
    """One axis over all elements, in whatever order they lie; a copy only of views with gaps."""
    if array.flags.c_contiguous:
        return array.reshape(-1)
    return array.ravel(order="K")
