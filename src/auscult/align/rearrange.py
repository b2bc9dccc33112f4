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

from auscult.align.compare import sample_error
from auscult.align.fingerprint import bits
from auscult.align.moves import moves, sample
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

Places = tuple[NDArray[np.intp], ...]


@dataclass(frozen=True)
class Rearrangement:
    """An operation along one axis, with the map from places on that axis in its result to places in its input."""

    op: Op
    axis: int
    origin: Callable[[NDArray[np.intp]], NDArray[np.intp]]

    def places(self, target: Places) -> Places:
        return (*target[: self.axis], self.origin(target[self.axis]), *target[self.axis + 1 :])


def rearranged(x: Array, y: Array) -> Iterator[tuple[Op, ...]]:
    """Operations from `x` to `y` that a sample does not refute: a move of the axes, then one rearrangement."""
    if x.size < MIN_SIZE:
        return
    exact = x.dtype == y.dtype
    left, right = (bits(x), bits(y)) if exact else (x, y)
    target = sample(y.shape)
    wanted = right[target]
    for move in moves(x.shape, y.shape):
        moved = move.view(left)
        for option in () if move.flat else _options(y.shape):
            if _agrees(moved[option.places(target)], wanted, exact=exact):
                yield (*move.ops, option.op)
    for op, origin in _scrambles(x.shape, y.shape, target):
        if _agrees(left[origin], wanted, exact=exact):
            yield (op,)


def _scrambles(source: Shape, shape: Shape, target: Places) -> Iterator[tuple[Op, Places]]:
    """Memory orders mixed up: the same bytes read column by column, or as they are under a permuted shape."""
    if source == shape and len(shape) > 1:
        yield (
            FortranScramble("column"),
            _unravel(np.ravel_multi_index(target, shape, order="F"), shape, "C"),
        )
        yield FortranScramble("row"), _unravel(np.ravel_multi_index(target, shape), shape, "F")
    elif source != shape and shape and source:
        yield Reshape(source, shape), _unravel(np.ravel_multi_index(target, shape), source, "C")


def _unravel(places: NDArray[np.intp], shape: Shape, order: Literal["C", "F"]) -> Places:
    return tuple(np.unravel_index(places, shape, order=order))


def _agrees(found: Array, wanted: Array, *, exact: bool) -> bool:
    return (
        bool((found == wanted).all()) if exact else sample_error(found, wanted) < MAX_ROUNDED_ERROR
    )


@lru_cache(maxsize=512)
def _options(shape: Shape) -> tuple[Rearrangement, ...]:
    """Every rearrangement of that shape, the plainest first."""
    result: list[Rearrangement] = []
    for axis, side in enumerate(shape):
        if side > 1:
            result += _block_orders(axis, side)
    for axis, side in enumerate(shape):
        if side > 1:
            result.append(_flipped(axis, side))
            result += _interleavings(axis, side)
    return tuple(result)


def _flipped(axis: int, side: int) -> Rearrangement:
    def origin(places: NDArray[np.intp]) -> NDArray[np.intp]:
        return side - 1 - places

    return Rearrangement(Flip(axis), axis, origin)


def _block_orders(axis: int, side: int) -> Iterator[Rearrangement]:
    for count in BLOCK_COUNTS:
        if side % count == 0:
            for order in permutations(range(count)):
                if order not in {
                    tuple(range(count)),
                    (2, 3, 0, 1),
                }:  # the latter is an exchange of halves
                    yield block_order(axis, side, order)


def block_order(axis: int, side: int, order: tuple[int, ...]) -> Rearrangement:
    """Blocks along one axis in that order."""
    width = side // len(order)
    table = np.array(order)
    return Rearrangement(
        ReorderBlocks(axis, order),
        axis,
        lambda places: table[places // width] * width + places % width,
    )


def _interleavings(axis: int, side: int) -> Iterator[Rearrangement]:
    """Heads of a fused qkv or kv, and the two halves of each head under rotary embeddings."""
    for parts in (3, 2):
        for heads in range(2, min(side // parts, MAX_HEADS) + 1):
            if side % (parts * heads) == 0:
                yield _exchanged(Interleave(axis, heads, parts), side, (1, parts, heads))
                yield _exchanged(Deinterleave(axis, heads, parts), side, (1, heads, parts))
    for heads in range(1, min(side // 4, MAX_HEADS) + 1):
        half = side // (2 * heads)
        if side % (2 * heads) == 0 and (
            heads > 1 or half > MAX_HEADS
        ):  # fewer halves of one head are the case above
            yield _exchanged(Interleave(axis, half, 2, heads), side, (heads, 2, half))
            yield _exchanged(Deinterleave(axis, half, 2, heads), side, (heads, half, 2))


def _exchanged(
    op: Interleave | Deinterleave, side: int, sides: tuple[int, int, int]
) -> Rearrangement:
    """The axis, seen as [outer, first, second, rest], with first and second exchanged."""
    outer, first, second = sides
    rest = side // (outer * first * second)

    def origin(places: NDArray[np.intp]) -> NDArray[np.intp]:
        group, within = places // rest, places % rest
        block, inner = group // first, group % first
        return np.asarray(
            ((block // second * first + inner) * second + block % second) * rest + within
        )

    return Rearrangement(op, op.axis, origin)
