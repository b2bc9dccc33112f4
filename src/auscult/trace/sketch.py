"""A seeded random projection of a tensor, so that two traces can be compared without their tensors.

The projection is linear: the sketch of a difference is the difference of the sketches. Its squared length estimates the
tensor's: unbiased, and over the random choices, for any two tensors x and y,

    Var[<Sx, Sy>] <= 2.5 |x|² |y|² / SIZE

so that a relative error read from two sketches is right to about 2.5 % of itself (one standard error), however small it is,
down to the rounding of the sums (float64) and of the stored sketch; and a cosine to 0.05 at worst, far better when it is near
1, since it is worked out from the error and the exact lengths.

How: elements are taken in blocks of BLOCK. Each is given a sign and one of SIZE buckets, and a bucket sums its elements.
Within a block a random permutation deals the same number of elements to every bucket; each block uses one of VARIANTS such
deals, turned by a random number of buckets and with a random sign of its own, all drawn from the block's number. So the
result does not depend on how the tensor is cut. Two elements meet in a bucket with probability at most 1 / SIZE, as in Charikar,
Chen and Farach-Colton, "Finding frequent items in data streams" (2002), which gives a factor of 2; that two blocks may share
their deal adds 4 / VARIANTS to it.

Axis order: elements are counted in a canonical order, axes of length 1 left out and the others sorted by length, so that
[batch, channels, time] and [batch, time, channels] give the same sketch. Axes of equal length keep their order: then, and only
then, a transposed tensor has another sketch (`is_ambiguous`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.weights import Array, Shape

SIZE = 1024
BLOCK = 1 << 15
VARIANTS = 8
SAMPLE = 4096
SEED = 0
VARIANCE = 2.5
"""Bound of SIZE · Var[<Sx, Sy>] / (|x|² |y|²)."""
_MASK = (1 << 64) - 1


def canonical(array: Array) -> Array:
    """A view with the axes of length 1 left out and the others sorted by length; complex elements as pairs in a last axis."""
    if array.dtype.kind == "c":
        array = array[..., None].view(array.real.dtype)
        axes = [*sorted(range(array.ndim - 1), key=lambda axis: array.shape[axis]), array.ndim - 1]
    else:
        axes = sorted(range(array.ndim), key=lambda axis: array.shape[axis])
    turned = array.transpose(axes)
    return turned.reshape([length for length in turned.shape if length != 1])


def canonical_shape(shape: Shape) -> Shape:
    """Two tensors can be compared by their sketches if these are equal."""
    return tuple(sorted(length for length in shape if length != 1))


def is_ambiguous(shape: Shape) -> bool:
    """Whether two axes have one length, so that their order shows in the sketch."""
    return any(count > 1 for length, count in Counter(shape).items() if length != 1)


def blocks(array: Array, first: int = 0, count: int | None = None) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Number and elements, as float64 in canonical order, of `count` blocks from number `first`; the buffer is used again."""
    flat = array if array.ndim == 1 and array.flags.c_contiguous and array.dtype.kind != "c" else in_order(array)
    stop = flat.size if count is None else min(flat.size, (first + count) * BLOCK)
    buffer = np.empty(min(BLOCK, flat.size), np.float64)
    for start in range(first * BLOCK, stop, BLOCK):
        part = flat[start : start + BLOCK]
        np.copyto(buffer[: part.size], part, casting="unsafe")
        yield start // BLOCK, buffer[: part.size]


def in_order(array: Array) -> Array:
    """The elements in canonical order, one axis; a copy only where they do not lie so."""
    return np.ascontiguousarray(canonical(array)).reshape(-1)


class Projection:
    """Sums the sketch of one tensor, block by block."""

    def __init__(self, seed: int = SEED) -> None:
        self.seed = seed
        self.sums = np.zeros(SIZE, np.float64)

    def add(self, index: int, block: NDArray[np.float64]) -> None:
        """Add block number `index` (BLOCK elements, the last one fewer); elements that are not finite count as 0."""
        word = _mix(self.seed ^ _mix(index + 1))
        if block.size < BLOCK:
            block = np.concatenate([block, np.zeros(BLOCK - block.size)])
        dealt = _deal(word % VARIANTS, self.seed) @ block
        if not np.isfinite(dealt).all():
            dealt = _deal(word % VARIANTS, self.seed) @ np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        turn = (word >> 8) % SIZE
        sign = 1.0 if word >> 63 else -1.0
        self.sums[turn:] += sign * dealt[: SIZE - turn]
        self.sums[:turn] += sign * dealt[SIZE - turn :]


def sketch(array: Array, seed: int = SEED) -> NDArray[np.float64]:
    """The projection [SIZE] of a tensor of any shape."""
    projection = Projection(seed)
    for index, block in blocks(array):
        projection.add(index, block)
    return projection.sums


def relative_error(reference: NDArray[Any], candidate: NDArray[Any]) -> float:
    """Estimate of |x - y| / |x| from the sketches of x and y; 0 if both are zero."""
    length = float(np.linalg.norm(reference.astype(np.float64)))
    error = float(np.linalg.norm(reference.astype(np.float64) - candidate.astype(np.float64)))
    return error / length if length else (0.0 if error == 0 else float("inf"))


def cosine(a: NDArray[Any], b: NDArray[Any], length_a: float, length_b: float) -> float:
    """Estimate of the cosine between x and y from their sketches and exact lengths (rms times the root of the size)."""
    if length_a == 0 or length_b == 0:
        return 1.0 if length_a == length_b else 0.0
    # Scaled to length 1 first: the error between them is then the least, and so is what the estimate is off by.
    gap = a.astype(np.float64) / length_a - b.astype(np.float64) / length_b
    return float(np.clip(1.0 - float(gap @ gap) / 2.0, -1.0, 1.0))


def sample(array: Array) -> Array:
    """Elements at pseudo-random places of the canonical order, ascending [min(size, SAMPLE)]; all where there are no more.

    The places depend on the size alone, so that two traces hold the same ones. By the inequality of Dvoretzky, Kiefer and
    Wolfowitz, quantiles of SAMPLE of them are off by more than 0.03 in rank with probability below 0.2 %.
    """
    view = canonical(array)
    if view.size <= SAMPLE:
        return np.ascontiguousarray(view).reshape(-1)
    places = _places(view.size)
    if view.flags.c_contiguous:
        return np.asarray(view.reshape(-1)[places])
    return np.asarray(view[np.unravel_index(places, view.shape)])


@lru_cache(maxsize=256)
def _places(size: int) -> NDArray[np.int64]:
    raw = np.random.Philox(key=size).random_raw(SAMPLE)
    return np.sort(raw % np.uint64(size)).astype(np.int64)


@lru_cache(maxsize=VARIANTS)
def _deal(variant: int, seed: int) -> Any:
    """A sparse matrix [SIZE, BLOCK] with one ±1 in every column and BLOCK / SIZE in every row.

    From raw words of the Philox counter generator, which numpy keeps the same over its versions.
    """
    from scipy.sparse import csr_array

    raw = np.random.Philox(key=_mix(seed ^ (variant << 32)), counter=0).random_raw(2 * BLOCK)
    order = np.argsort(raw[:BLOCK], kind="stable").astype(np.int32)
    signs = np.where(raw[BLOCK:] >> np.uint64(63), 1.0, -1.0)
    per_row = BLOCK // SIZE
    columns = np.sort(order.reshape(SIZE, per_row), axis=1).reshape(-1)
    return csr_array((signs, columns, np.arange(0, BLOCK + 1, per_row, dtype=np.int32)), shape=(SIZE, BLOCK))


def _mix(word: int) -> int:
    """splitmix64 (Steele, Lea and Flood 2014)."""
    word = (word + 0x9E3779B97F4A7C15) & _MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK
    return word ^ (word >> 31)
