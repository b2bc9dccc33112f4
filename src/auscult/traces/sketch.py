"""A seeded random projection of a tensor, so that two traces can be compared without their tensors.

The projection is linear: the sketch of a difference is the difference of the sketches. Its squared
length estimates the tensor's: unbiased, and over the random choices, for any two tensors x and y,

    Var[<Sx, Sy>] <= 2.5 |x|² |y|² / SIZE

so that a relative error read from two sketches is right to about 2.5 % of itself (one standard
error), however small it is, down to the rounding of the sums (float32 over at most RECENT rows,
float64 over these; float64 alone for wider elements) and of the stored sketch; and a cosine to 0.05
at worst, far better when it is near 1, since it is worked out from the error and the exact lengths.

How, in two steps, since the first has to keep up with the model:

1. Rows of WIDTH elements are multiplied by WIDTH random signs d, the same for each row, turned by a
   random number of places t and added up with a random sign s: y = Σ s_b turn(d ∘ x_b, t_b). That
   is one multiplication and one addition of contiguous memory for each element, whatever the
   tensor.
2. The WIDTH sums are dealt at random, WIDTH / SIZE to each of SIZE buckets, each with a sign of its
   own, as in Charikar, Chen and Farach-Colton, "Finding frequent items in data streams" (2002).

The bound: of the first step, elements of one row never meet, and those of two rows only where their
turns say so. For rows b ≠ c with the difference of turns δ, uniform over WIDTH values, <y, y'> gets
the term s_b s_c Σ_i d_i d_{i+δ} x_bi y_{c,i+δ}, and the signs s make terms of different pairs of
rows uncorrelated. The square of one is Σ_i x_bi² y_{c,i+δ}² on average over d, but for δ = 0 (at
most |x_b|² |y_c|², with probability 1 / WIDTH) and δ = WIDTH / 2 (twice as much): over δ, at most 3
|x_b|² |y_c|² / WIDTH. With as much for the pair (c, b) that shares its signs, the variance is at
most 6 |x|² |y|² / WIDTH = 0.375 |x|² |y|² / SIZE. The second step adds 2 |y|² |y'|² / SIZE, at most
2 (1 + 6 / WIDTH) |x|² |y|² / SIZE on average over the first.

Axis order: elements are counted in a canonical order, axes of length 1 left out and the others
sorted by length, so that [batch, channels, time] and [batch, time, channels] give the same sketch.
Axes of equal length keep their order: then, and only then, a transposed tensor has another sketch
(`is_ambiguous`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auscult.weights import Array, Shape

SKETCH_VERSION = 2
"""Of the projection: sketches of different versions cannot be compared."""
SKETCH_SIZE = 1024
ROW_WIDTH = 1 << 14
ROWS_PER_RUN = 16
"""Rows that are taken at a time: 1 MiB of float32 are worth the calls."""
ROWS_PER_STEP = 4
"""Rows of which 256 KiB of float32 stay in the second-level cache between one step and the next."""
MAX_RECENT_ROWS = 32
SAMPLE_SIZE = 4096
DEFAULT_SEED = 0
VARIANCE_BOUND = 2.5
"""Bound of SIZE · Var[<Sx, Sy>] / (|x|² |y|²)."""
_WORD_MASK = (1 << 64) - 1


def to_canonical_axes(array: Array) -> Array:
    """A view with the axes of length 1 left out and the others sorted by length; complex elements
    as pairs in a last axis.
    """
    if array.dtype.kind == "c":
        array = array[..., None].view(array.real.dtype)
        axes = [*sorted(range(array.ndim - 1), key=lambda axis: array.shape[axis]), array.ndim - 1]
    else:
        axes = sorted(range(array.ndim), key=lambda axis: array.shape[axis])
    turned = array.transpose(axes)
    return turned.reshape([length for length in turned.shape if length != 1])


def get_canonical_shape(shape: Shape) -> Shape:
    """Two tensors can be compared by their sketches if these are equal."""
    return tuple(sorted(length for length in shape if length != 1))


def is_ambiguous(shape: Shape) -> bool:
    """Whether two axes have one length, so that their order shows in the sketch."""
    return any(count > 1 for length, count in Counter(shape).items() if length != 1)


def flatten_canonically(array: Array) -> Array:
    """The elements in canonical order, one axis; a copy only where they do not lie so."""
    return np.ascontiguousarray(to_canonical_axes(array)).reshape(-1)


def choose_working_type(array: Array) -> type[np.float32 | np.float64]:
    """In which type elements are summed: float64, but float32 for many elements of a floating type
    that it holds.
    """
    is_narrow = (
        array.dtype.kind not in "biu" and array.dtype.itemsize <= np.dtype(np.float32).itemsize
    )
    if is_narrow and array.size > SAMPLE_SIZE:
        return np.float32
    return np.float64


def iter_row_runs(
    flat: Array, dtype: type[np.float32 | np.float64]
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Number of the first row, and elements as `dtype`, of RUN rows at a time."""
    for start in range(0, flat.size, ROWS_PER_RUN * ROW_WIDTH):
        yield (
            start // ROW_WIDTH,
            flat[start : start + ROWS_PER_RUN * ROW_WIDTH].astype(dtype, copy=False),
        )


_SPARE_SUMS: dict[type, list[tuple[NDArray[Any], NDArray[np.float64]]]] = {}
"""Zeros to sum in: the system takes longer to give fresh memory than we to fill it."""


class SketchProjection:
    """Sums the sketch of one tensor, some rows at a time.

    Args:
        dtype: Of the elements and of short sums: float32 or float64.
    """

    def __init__(
        self, seed: int = DEFAULT_SEED, dtype: type[np.float32 | np.float64] = np.float64
    ) -> None:
        self.seed = seed
        self._draws = _draw_signs(seed)
        self._signs = self._draws.signs.astype(dtype, copy=False)
        spare = _SPARE_SUMS.setdefault(dtype, [])
        # A turned row runs past WIDTH; it is folded at the end.
        if spare:
            zeros = spare.pop()
        else:
            zeros = (np.zeros(2 * ROW_WIDTH, dtype), np.zeros(2 * ROW_WIDTH, np.float64))
        self._recent_sums: NDArray[Any]
        self._long_sums: NDArray[np.float64]
        self._recent_sums, self._long_sums = zeros
        self._rows = 0

    def add(self, first: int, run: NDArray[Any]) -> None:
        """Add finite elements from row number `first` on; only a tensor's last row may be short of
        WIDTH.
        """
        turns = _draw_turns(self.seed, 1 << (first - (-run.size // ROW_WIDTH)).bit_length())
        products = np.empty(min(run.size, ROWS_PER_STEP * ROW_WIDTH), run.dtype)
        for start in range(0, run.size, ROWS_PER_STEP * ROW_WIDTH):
            part = run[start : start + ROWS_PER_STEP * ROW_WIDTH]
            self._apply_signs(part, products[: part.size])
            for place in range(0, part.size, ROW_WIDTH):
                self._add_turned_row(
                    products[place : min(place + ROW_WIDTH, part.size)],
                    *turns[first + (start + place) // ROW_WIDTH],
                )

    def _apply_signs(self, part: NDArray[Any], out: NDArray[Any]) -> None:
        whole = part.size // ROW_WIDTH * ROW_WIDTH
        np.multiply(
            part[:whole].reshape(-1, ROW_WIDTH), self._signs, out=out[:whole].reshape(-1, ROW_WIDTH)
        )
        np.multiply(part[whole:], self._signs[: part.size - whole], out=out[whole:])

    def _add_turned_row(self, row: NDArray[Any], turn: int, sum_: np.ufunc) -> None:
        place = self._recent_sums[turn : turn + row.size]
        sum_(place, row, out=place)
        self._rows += 1
        if self._rows == MAX_RECENT_ROWS:
            self._flush_recent()

    def _flush_recent(self) -> None:
        self._long_sums += self._recent_sums
        self._recent_sums[:] = 0
        self._rows = 0

    def sums(self) -> NDArray[np.float64]:
        """The sketch [SIZE] of all that was added; nothing can be added any more."""
        self._flush_recent()
        folded = (
            self._long_sums[:ROW_WIDTH] + self._long_sums[ROW_WIDTH:]
        ) * self._draws.deal_signs
        self._long_sums[:] = 0
        _SPARE_SUMS[self._recent_sums.dtype.type].append((self._recent_sums, self._long_sums))
        del self._recent_sums, self._long_sums
        return np.asarray(np.add.reduce(folded[self._draws.deal], axis=0))


def sketch_tensor(array: Array, seed: int = DEFAULT_SEED) -> NDArray[np.float64]:
    """The projection [SIZE] of a tensor of any shape; elements that are not finite count as 0."""
    flat = flatten_canonically(array)
    dtype = choose_working_type(flat)
    projection = SketchProjection(seed, dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for first, run in iter_row_runs(flat, dtype):
            projection.add(first, run)
        sums = projection.sums()
    if np.isfinite(sums).all():
        return sums
    return sketch_finite_elements(flat, seed)


def sketch_finite_elements(flat: Array, seed: int = DEFAULT_SEED) -> NDArray[np.float64]:
    """The projection of elements in order, those that are not finite left out."""
    projection = SketchProjection(seed)
    for first, run in iter_row_runs(flat, np.float64):
        projection.add(first, np.where(np.isfinite(run), run, 0.0))
    return projection.sums()


def estimate_relative_error(reference: NDArray[Any], candidate: NDArray[Any]) -> float:
    """Estimate of |x - y| / |x| from the sketches of x and y; 0 if both are zero."""
    length = float(np.linalg.norm(reference.astype(np.float64)))
    error = float(np.linalg.norm(reference.astype(np.float64) - candidate.astype(np.float64)))
    if length:
        return error / length
    return 0.0 if error == 0 else float("inf")


def estimate_cosine(a: NDArray[Any], b: NDArray[Any], length_a: float, length_b: float) -> float:
    """Estimate of the cosine between x and y from their sketches and exact lengths (rms times the
    root of the size).
    """
    if length_a == 0 or length_b == 0:
        if length_a == length_b:
            return 1.0
        return 0.0
    # Scaled to length 1 first: the error between them is then the least, and so is what the
    # estimate is off by.
    gap = a.astype(np.float64) / length_a - b.astype(np.float64) / length_b
    return float(np.clip(1.0 - float(gap @ gap) / 2.0, -1.0, 1.0))


def sample_elements(array: Array) -> Array:
    """Elements at pseudo-random places of the canonical order, ascending [min(size, SAMPLE_SIZE)]; all
    where there are no more.

    The places depend on the size alone, so that two traces hold the same ones. By the inequality of
    Dvoretzky, Kiefer and Wolfowitz, quantiles of SAMPLE_SIZE of them are off by more than 0.03 in rank
    with probability below 0.2 %.
    """
    view = to_canonical_axes(array)
    if view.size <= SAMPLE_SIZE:
        return np.ascontiguousarray(view).reshape(-1)
    places = _choose_sample_places(view.size)
    if view.flags.c_contiguous:
        return np.asarray(view.reshape(-1)[places])
    return np.asarray(view[np.unravel_index(places, view.shape)])


@lru_cache(maxsize=256)
def _choose_sample_places(size: int) -> NDArray[np.int64]:
    raw = np.random.Philox(key=size).random_raw(SAMPLE_SIZE)
    return np.sort(raw % np.uint64(size)).astype(np.int64)


class _SketchDraws(NamedTuple):
    """Signs of the places in a row [WIDTH]; of the sums [WIDTH]; and which of these go to each
    bucket [WIDTH / SIZE, SIZE].
    """

    signs: NDArray[np.float32]
    deal_signs: NDArray[np.float64]
    deal: NDArray[np.int64]


@lru_cache(maxsize=4)
def _draw_signs(seed: int) -> _SketchDraws:
    """From raw words of the Philox counter generator, which numpy keeps the same over its
    versions.
    """
    raw = np.random.Philox(key=_mix_bits(seed)).random_raw(3 * ROW_WIDTH).reshape(3, ROW_WIDTH)
    row_signs, deal_signs = np.where(raw[:2] >> np.uint64(63), 1.0, -1.0)
    return _SketchDraws(
        row_signs.astype(np.float32),
        deal_signs,
        np.argsort(raw[2], kind="stable").reshape(-1, SKETCH_SIZE),
    )


@lru_cache(maxsize=64)
def _draw_turns(seed: int, count: int) -> list[tuple[int, np.ufunc]]:
    """For each of the first rows, by how many places it is turned, and whether it is added or taken
    away.
    """
    raw = np.random.Philox(key=_mix_bits(seed ^ (1 << 32))).random_raw(count)
    return [(word % ROW_WIDTH, np.add if word >> 63 else np.subtract) for word in raw.tolist()]


def _mix_bits(word: int) -> int:
    """splitmix64 (Steele, Lea and Flood 2014)."""
    word = (word + 0x9E3779B97F4A7C15) & _WORD_MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _WORD_MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _WORD_MASK
    return word ^ (word >> 31)
