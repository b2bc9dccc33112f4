"""The order of axes on the other side: [batch, channels, time] here may be [batch, time, channels] there.

Where the lengths differ, the shape alone tells the order. Where two axes are of one length, the values tell it as long as
both sides still compute the same; after that, the order that the rest of the model keeps is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np

from auscult.explain.algebra.nearness import MAX_AXES, error
from auscult.weights import Array, Shape

Order = tuple[int, ...]
SURE = 0.1
"""The values decide if one order is nearer than this fraction of the next."""
NEAR = 0.05
"""... and below this relative error."""


def same_rank(shape: Shape, candidate: Shape) -> Shape | None:
    """The candidate's shape with axes of length one put in or left out until it has as many as `shape`; None if it cannot."""
    if len(shape) == len(candidate):
        return candidate
    slim = [n for n in candidate if n != 1]
    if len(slim) > len(shape):
        return None
    for places in _places(shape, len(slim)):
        wide = [1] * len(shape)
        for place, length in zip(places, slim, strict=True):
            wide[place] = length
        if sorted(wide) == sorted(shape):
            return tuple(wide)
    return None


def _places(shape: Shape, count: int) -> list[tuple[int, ...]]:
    """Where `count` axes may go: where the shape has no length of one first."""
    solid = tuple(axis for axis, length in enumerate(shape) if length != 1)
    return [solid] if len(solid) == count else [tuple(range(count))]


def orders(shape: Shape, candidate: Shape) -> tuple[Order, ...]:
    """Orders of the candidate's axes that fit `shape` best: exactly, or with the fewest and smallest differences of length."""
    if len(shape) != len(candidate) or len(shape) > MAX_AXES:
        return (tuple(range(len(candidate))),)
    every = list(permutations(range(len(candidate))))
    misfits = [_misfit(shape, tuple(candidate[axis] for axis in order)) for order in every]
    best = min(misfits)
    return tuple(order for order, misfit in zip(every, misfits, strict=True) if misfit == best)


def _misfit(wanted: Shape, got: Shape) -> tuple[int, int]:
    gaps = [abs(a - b) for a, b in zip(wanted, got, strict=True)]
    return sum(gap > 0 for gap in gaps), sum(gaps)


def order_of(reference: Array, candidate: Array, usual: Mapping[int, Order]) -> tuple[Order, bool]:
    """In which order to take the candidate's axes, and whether shape or values established it.

    Args:
        usual: Per number of axes, the order that the rest of the model keeps.
    """
    fitting = orders(reference.shape, candidate.shape)
    if len(fitting) == 1:
        return fitting[0], True
    exact = tuple(candidate.shape[axis] for axis in fitting[0]) == reference.shape
    if exact:
        errors = [error(candidate.transpose(order), reference) for order in fitting]
        ranked = sorted(range(len(fitting)), key=lambda index: (errors[index], fitting[index]))
        least, next_ = errors[ranked[0]], errors[ranked[1]]
        if least < NEAR and least < SURE * next_:
            return fitting[ranked[0]], True
    same = tuple(range(candidate.ndim))
    chosen = usual.get(candidate.ndim, same)
    if chosen in fitting:
        return chosen, False
    return (same if same in fitting else fitting[0]), False


def turned(reference: Array, candidate: Array, usual: Mapping[int, Order]) -> Array:
    """The candidate's tensor in the reference's order of axes, as a view; unchanged where no order makes sense of it."""
    shape = same_rank(reference.shape, candidate.shape)
    if shape is None:
        whole = candidate.size == reference.size and candidate.size > 0
        return (
            candidate.reshape(reference.shape)
            if whole and _is_reshaped(reference, candidate)
            else candidate
        )
    candidate = candidate.reshape(shape)
    return candidate.transpose(order_of(reference, candidate, usual)[0])


def _is_reshaped(reference: Array, candidate: Array) -> bool:
    return error(candidate.reshape(reference.shape), reference) < NEAR


def turned_back(array: Array, shape: Shape, usual: Mapping[int, Order]) -> Array:
    """A tensor of the reference in the candidate's order of axes, where the candidate's own has this shape.

    Where lengths leave the order open, `usual` decides. The lengths stay the reference's.
    """
    wide = same_rank(array.shape, shape)
    if wide is None:
        return array.reshape(shape) if array.size == int(np.prod(shape)) else array
    fitting = orders(array.shape, wide)
    same = tuple(range(array.ndim))
    chosen = usual.get(array.ndim, same)
    order = chosen if chosen in fitting else same if same in fitting else fitting[0]
    back = np.ascontiguousarray(array.transpose(np.argsort(order)))
    return back if len(shape) == array.ndim else _as_rank(back, shape)


def _as_rank(array: Array, shape: Shape) -> Array:
    """Axes of length one in or out, so that there are as many as in `shape`."""
    if array.size == int(np.prod(shape)):
        return array.reshape(shape)
    slim = [n for n in array.shape if n != 1]
    solid = [axis for axis, n in enumerate(shape) if n != 1]
    if len(slim) != len(solid):
        return array
    lengths = dict(zip(solid, slim, strict=True))
    return array.reshape([lengths.get(axis, 1) for axis in range(len(shape))])
