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

from auscult.facts.layers import AXES_FROM_TORCH, TO_MLX_AXES, Axes, invert_axes
from auscult.recipe.op import Op
from auscult.weights import Array, Shape

MAX_MOVES = 720  # all orders of six equal axes; more axes than that are not looked through in full
SAMPLE_SIZE = 128

_PLANE_CONVOLUTIONS = ("conv1d", "conv_transpose1d", "conv2d", "conv_transpose2d")


def _list_customary_orders() -> tuple[Axes, ...]:
    """How convolutions go between frameworks: torch to MLX and back, torch to Keras. Tried before any other order."""
    orders: dict[Axes, None] = {}
    for kind in _PLANE_CONVOLUTIONS:
        orders[TO_MLX_AXES[kind]] = None
        orders[invert_axes(TO_MLX_AXES[kind])] = None
    for (kind, layout), axes in AXES_FROM_TORCH.items():
        if kind in _PLANE_CONVOLUTIONS and layout == "keras":
            orders[axes] = None
    return tuple(orders)


_CUSTOMARY_ORDERS = _list_customary_orders()


@dataclass(frozen=True)
class AxisMove:
    """`source` to `target`: first the axes in the order `axes` (None: as they are), then the shape.

    `flat` marks a reshape that regroups elements, where the sides of the two shapes differ.
    """

    source: Shape
    target: Shape
    axes: tuple[int, ...] | None = None
    flat: bool = False

    @property
    def is_identity(self) -> bool:
        return self.axes is None and self.source == self.target

    def view(self, array: Array) -> Array:
        """The array moved; a view unless a regrouping needs a copy."""
        moved = array if self.axes is None else array.transpose(self.axes)
        if moved.shape == self.target:
            return moved
        return moved.reshape(self.target)

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


def squeeze_shape(shape: Shape) -> Shape:
    """The shape without axes of length one."""
    return tuple(length for length in shape if length != 1)


@lru_cache(maxsize=4096)
def sort_sides(shape: Shape) -> Shape:
    """The sides that count, sorted: what a permutation or an added axis of length one leaves alone."""
    return tuple(sorted(squeeze_shape(shape)))


@lru_cache(maxsize=4096)
def list_moves(source: Shape, target: Shape) -> tuple[AxisMove, ...]:
    """Every move from `source` to `target`, the likeliest first; none if the sizes differ."""
    if prod(source) != prod(target):
        return ()
    if sort_sides(source) != sort_sides(target):
        return (AxisMove(source, target, flat=True),)
    if len(source) == len(target):
        return tuple(_iter_permuting_moves(source, target))
    return tuple(_iter_squeezing_moves(source, target))


def _iter_permuting_moves(source: Shape, target: Shape) -> Iterator[AxisMove]:
    visited_orders: set[tuple[int, ...]] = set()
    identity = tuple(range(len(source)))
    for axes in _iter_axis_orders(len(source)):
        if tuple(source[axis] for axis in axes) != target:
            continue
        long_axes = tuple(axis for axis in axes if source[axis] != 1)
        if long_axes not in visited_orders:
            visited_orders.add(long_axes)
            yield AxisMove(source, target, None if axes == identity else axes)


def _iter_squeezing_moves(source: Shape, target: Shape) -> Iterator[AxisMove]:
    long_axes = [axis for axis, length in enumerate(source) if length != 1]
    unit_axes = [axis for axis, length in enumerate(source) if length == 1]
    target_sides = squeeze_shape(target)
    for order in _iter_axis_orders(len(long_axes)):
        axes = [long_axes[position] for position in order]
        if tuple(source[axis] for axis in axes) == target_sides:
            yield AxisMove(source, target, None if axes == long_axes else tuple(axes + unit_axes))


def _iter_axis_orders(count: int) -> Iterator[tuple[int, ...]]:
    identity = tuple(range(count))
    customary_orders = [identity, *(axes for axes in _CUSTOMARY_ORDERS if len(axes) == count)]
    yield from customary_orders
    yield from (
        axes
        for axes in islice(permutations(range(count)), MAX_MOVES)
        if axes not in customary_orders
    )


@lru_cache(maxsize=1024)
def sample_places(shape: Shape) -> tuple[NDArray[np.intp], ...]:
    """The same few places for every array of that shape, spread over all of it, as an index for each axis."""
    size = prod(shape)
    if size <= SAMPLE_SIZE:
        places = np.arange(size)
    else:
        places = np.random.default_rng(size).integers(0, size, SAMPLE_SIZE)
    if shape:
        return tuple(np.unravel_index(places, shape))
    return ()


def iter_blocks(shape: Shape, limit: int) -> Iterator[tuple[slice, ...]]:
    """Slices that cut a shape in parts of about `limit` elements, along the first axes."""
    if not shape or prod(shape) <= limit:
        yield ()
        return
    row = prod(shape[1:])
    if row > 2 * limit:
        for index in range(shape[0]):
            for remaining_slices in iter_blocks(shape[1:], limit):
                yield (slice(index, index + 1), *remaining_slices)
        return
    step = max(1, limit // max(row, 1))
    for start in range(0, shape[0], step):
        yield (slice(start, start + step),)
