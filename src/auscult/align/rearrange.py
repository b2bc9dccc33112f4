"""Rearrangements within a tensor that are no permutation of axes: blocks in another order, heads interleaved, axes flipped.

Each is tried on a sample of places first, through the map of indices that it amounts to; only what passes is worth applying.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from auscult.align.compare import measure_sample_error
from auscult.align.fingerprint import view_as_bits
from auscult.align.moves import list_moves, sample_places
from auscult.recipe.op import Op
from auscult.recipe.ops.deinterleave import Deinterleave
from auscult.recipe.ops.flip import Flip
from auscult.recipe.ops.fortran import FortranScramble
from auscult.recipe.ops.interleave import Interleave
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.recipe.ops.reshape import Reshape
from auscult.weights import Array, Shape

BLOCK_COUNTS = (2, 3, 4)
MAX_HEADS = 64
MAX_ROUNDED_ERROR = 0.1  # relative, over the sample, where the two sides have different dtypes
MIN_SIZE = 8

IndexArrays = tuple[NDArray[np.intp], ...]


@dataclass(frozen=True)
class Rearrangement:
    """An operation along one axis, with the map from places on that axis in its result to places in its input."""

    op: Op
    axis: int
    origin: Callable[[NDArray[np.intp]], NDArray[np.intp]]

    def places(self, target: IndexArrays) -> IndexArrays:
        return (*target[: self.axis], self.origin(target[self.axis]), *target[self.axis + 1 :])


def find_rearrangements(x: Array, y: Array) -> Iterator[tuple[Op, ...]]:
    """Operations from `x` to `y` that a sample does not refute: a move of the axes, then one rearrangement."""
    if x.size < MIN_SIZE:
        return
    exact = x.dtype == y.dtype
    comparable_x, comparable_y = (view_as_bits(x), view_as_bits(y)) if exact else (x, y)
    target = sample_places(y.shape)
    sample_y = comparable_y[target]
    for move in list_moves(x.shape, y.shape):
        moved = move.view(comparable_x)
        for rearrangement in () if move.flat else _list_rearrangements(y.shape):
            if _is_in_agreement(moved[rearrangement.places(target)], sample_y, exact=exact):
                yield (*move.ops, rearrangement.op)
    for op, origin in _iter_scrambles(x.shape, y.shape, target):
        if _is_in_agreement(comparable_x[origin], sample_y, exact=exact):
            yield (op,)


def _iter_scrambles(
    source: Shape, shape: Shape, target: IndexArrays
) -> Iterator[tuple[Op, IndexArrays]]:
    """Memory orders mixed up: the same bytes read column by column, or as they are under a permuted shape."""
    if source == shape and len(shape) > 1:
        yield (
            FortranScramble("column"),
            _unravel_places(np.ravel_multi_index(target, shape, order="F"), shape, "C"),
        )
        yield (
            FortranScramble("row"),
            _unravel_places(np.ravel_multi_index(target, shape), shape, "F"),
        )
    elif source != shape and shape and source:
        yield (
            Reshape(source, shape),
            _unravel_places(np.ravel_multi_index(target, shape), source, "C"),
        )


def _unravel_places(
    indices: NDArray[np.intp], shape: Shape, order: Literal["C", "F"]
) -> IndexArrays:
    return tuple(np.unravel_index(indices, shape, order=order))


def _is_in_agreement(sample_x: Array, sample_y: Array, *, exact: bool) -> bool:
    if exact:
        return bool((sample_x == sample_y).all())
    return measure_sample_error(sample_x, sample_y) < MAX_ROUNDED_ERROR


@lru_cache(maxsize=512)
def _list_rearrangements(shape: Shape) -> tuple[Rearrangement, ...]:
    """Every rearrangement of that shape, the plainest first."""
    result: list[Rearrangement] = []
    for axis, length in enumerate(shape):
        if 2 < length <= max(BLOCK_COUNTS):  # as many blocks as places: a short kernel reversed
            result.append(_make_flip(axis, length))
    for axis, length in enumerate(shape):
        if length > 1:
            result += _iter_block_orders(axis, length)
    for axis, length in enumerate(shape):
        if length > 1:
            result.append(_make_flip(axis, length))
            result += _iter_interleavings(axis, length)
    return tuple(result)


def _make_flip(axis: int, length: int) -> Rearrangement:
    def flip_places(indices: NDArray[np.intp]) -> NDArray[np.intp]:
        return length - 1 - indices

    return Rearrangement(Flip(axis), axis, flip_places)


def _iter_block_orders(axis: int, length: int) -> Iterator[Rearrangement]:
    for count in BLOCK_COUNTS:
        if length % count == 0:
            for order in permutations(range(count)):
                if order not in {
                    tuple(range(count)),
                    (2, 3, 0, 1),
                }:  # the latter is an exchange of halves
                    yield make_block_order(axis, length, order)


def make_block_order(axis: int, length: int, order: tuple[int, ...]) -> Rearrangement:
    """Blocks along one axis in that order."""
    width = length // len(order)
    table = np.array(order)
    return Rearrangement(
        ReorderBlocks(axis, order),
        axis,
        lambda indices: table[indices // width] * width + indices % width,
    )


def _iter_interleavings(axis: int, length: int) -> Iterator[Rearrangement]:
    """Heads of a fused qkv or kv, and the two halves of each head under rotary embeddings."""
    for parts in (3, 2):
        for heads in range(2, min(length // parts, MAX_HEADS) + 1):
            if length % (parts * heads) == 0:
                yield _make_exchange(Interleave(axis, heads, parts), length, (1, parts, heads))
                yield _make_exchange(Deinterleave(axis, heads, parts), length, (1, heads, parts))
    for heads in range(1, min(length // 4, MAX_HEADS) + 1):
        half = length // (2 * heads)
        if length % (2 * heads) == 0 and (
            heads > 1 or half > MAX_HEADS
        ):  # fewer halves of one head are the case above
            yield _make_exchange(Interleave(axis, half, 2, heads), length, (heads, 2, half))
            yield _make_exchange(Deinterleave(axis, half, 2, heads), length, (heads, half, 2))


def _make_exchange(
    op: Interleave | Deinterleave, length: int, level_sizes: tuple[int, int, int]
) -> Rearrangement:
    """The axis, seen as [outer, first, second, rest], with first and second exchanged."""
    outer, first_size, second_size = level_sizes
    inner_size = length // (outer * first_size * second_size)

    def exchange_places(indices: NDArray[np.intp]) -> NDArray[np.intp]:
        group, within = indices // inner_size, indices % inner_size
        block, inner = group // first_size, group % first_size
        return np.asarray(
            ((block // second_size * first_size + inner) * second_size + block % second_size)
            * inner_size
            + within
        )

    return Rearrangement(op, op.axis, exchange_places)
