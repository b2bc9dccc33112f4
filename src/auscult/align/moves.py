"""Ways in which the axes of one shape can become another shape: permutations, lone axes of length one, reshapes.

Permutations that differ only in where they put an axis of length one give the same elements and count as one; the
customary one (of a convolution between frameworks) stands for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice, permutations
from math import prod

import numpy as np
from numpy.typing import NDArray

from auscult.recipe.op import Op
from auscult.weights import Array, Shape

MAX_MOVES = 720  # all orders of six equal axes; more axes than that are not looked through in full
SAMPLES = 128

# How convolutions go between frameworks (torch -> MLX, and back; torch -> Keras), tried before any other order.
_CUSTOMARY = (
    (0, 2, 1),
    (1, 2, 0),
    (2, 0, 1),
    (0, 2, 3, 1),
    (0, 3, 1, 2),
    (1, 2, 3, 0),
    (3, 0, 1, 2),
    (2, 1, 0),
    (2, 3, 1, 0),
)


@dataclass(frozen=True)
class Move:
    """`source` to `target`: first the axes in the order `axes` (None: as they are), then the shape.

    `flat` marks a reshape that regroups elements, where the sides of the two shapes differ.
    """

    source: Shape
    target: Shape
    axes: tuple[int, ...] | None = None
    flat: bool = False

    @property
    def nothing(self) -> bool:
        return self.axes is None and self.source == self.target

    def view(self, array: Array) -> Array:
        """The array moved; a view unless a regrouping needs a copy."""
        moved = array if self.axes is None else array.transpose(self.axes)
        return moved if moved.shape == self.target else moved.reshape(self.target)

    @cached_property
    def ops(self) -> tuple[Op, ...]:
        """The move as operations of a recipe."""
        from auscult.recipe.ops.permute import Permute
        from auscult.recipe.ops.reshape import Reshape

        result: list[Op] = []
        shape = self.source
        if self.axes is not None:
            result.append(Permute(self.axes))
            shape = tuple(self.source[axis] for axis in self.axes)
        if shape != self.target:
            result.append(Reshape(shape, self.target))
        return tuple(result)


def squeezed(shape: Shape) -> Shape:
    """The shape without axes of length one."""
    return tuple(side for side in shape if side != 1)


@lru_cache(maxsize=4096)
def sides(shape: Shape) -> Shape:
    """The sides that count, sorted: what a permutation or an added axis of length one leaves alone."""
    return tuple(sorted(squeezed(shape)))


@lru_cache(maxsize=4096)
def moves(source: Shape, target: Shape) -> tuple[Move, ...]:
    """Every move from `source` to `target`, the likeliest first; none if the sizes differ."""
    if prod(source) != prod(target):
        return ()
    if sides(source) != sides(target):
        return (Move(source, target, flat=True),)
    if len(source) == len(target):
        return tuple(_permuting(source, target))
    return tuple(_squeezing(source, target))


def _permuting(source: Shape, target: Shape) -> Iterator[Move]:
    seen: set[tuple[int, ...]] = set()
    identity = tuple(range(len(source)))
    for axes in _orders(len(source)):
        if tuple(source[axis] for axis in axes) != target:
            continue
        essence = tuple(axis for axis in axes if source[axis] != 1)
        if essence not in seen:
            seen.add(essence)
            yield Move(source, target, None if axes == identity else axes)


def _squeezing(source: Shape, target: Shape) -> Iterator[Move]:
    long = [axis for axis, side in enumerate(source) if side != 1]
    short = [axis for axis, side in enumerate(source) if side == 1]
    wanted = squeezed(target)
    for order in _orders(len(long)):
        axes = [long[place] for place in order]
        if tuple(source[axis] for axis in axes) == wanted:
            yield Move(source, target, None if axes == long else tuple(axes + short))


def _orders(count: int) -> Iterator[tuple[int, ...]]:
    identity = tuple(range(count))
    first = [identity, *(axes for axes in _CUSTOMARY if len(axes) == count)]
    yield from first
    yield from (axes for axes in islice(permutations(range(count)), MAX_MOVES) if axes not in first)


@lru_cache(maxsize=1024)
def sample(shape: Shape) -> tuple[NDArray[np.intp], ...]:
    """The same few places for every array of that shape, spread over all of it, as an index for each axis."""
    size = prod(shape)
    places = (
        np.arange(size)
        if size <= SAMPLES
        else np.random.default_rng(size).integers(0, size, SAMPLES)
    )
    return tuple(np.unravel_index(places, shape)) if shape else ()


def blocks(shape: Shape, limit: int) -> Iterator[tuple[slice, ...]]:
    """Slices that cut a shape in parts of about `limit` elements, along the first axes."""
    if not shape or prod(shape) <= limit:
        yield ()
        return
    row = prod(shape[1:])
    if row > 2 * limit:
        for index in range(shape[0]):
            for rest in blocks(shape[1:], limit):
                yield (slice(index, index + 1), *rest)
        return
    step = max(1, limit // max(row, 1))
    for start in range(0, shape[0], step):
        yield (slice(start, start + step),)
