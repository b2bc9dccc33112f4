"""The order of axes on the other side: [batch, channels, time] here may be [batch, time, channels]
there.

Where the lengths differ, the shape alone tells the order. Where two axes are of one length, the
values tell it as long as both sides still compute the same; after that, the order that the rest of
the model keeps is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np

from auscult.explain.algebra.nearness import MAX_AXES, relative_error
from auscult.weights import Array, Shape

AxisOrder = tuple[int, ...]
DECISIVE_RATIO = 0.1
"""The values decide between two orders if the error of one is below this fraction of the other's.

Chosen, not measured.
"""
MAX_NEAR_ERROR = 0.05
"""The values decide only if the relative error of the better order is below this.

Chosen, not measured.
"""


def fit_shape_to_rank(shape: Shape, candidate: Shape) -> Shape | None:
    """The candidate's shape with axes of length one put in or left out until it has as many as
    `shape`; None if it cannot.
    """
    if len(shape) == len(candidate):
        return candidate
    long_lengths = [n for n in candidate if n != 1]
    if len(long_lengths) > len(shape):
        return None
    for places in _choose_axis_places(shape, len(long_lengths)):
        widened_shape = [1] * len(shape)
        for place, length in zip(places, long_lengths, strict=True):
            widened_shape[place] = length
        if sorted(widened_shape) == sorted(shape):
            return tuple(widened_shape)
    return None


def _choose_axis_places(shape: Shape, count: int) -> list[tuple[int, ...]]:
    """Where `count` axes may go: where the shape has no length of one first."""
    long_axes = tuple(axis for axis, length in enumerate(shape) if length != 1)
    if len(long_axes) == count:
        return [long_axes]
    return [tuple(range(count))]


def find_fitting_orders(shape: Shape, candidate: Shape) -> tuple[AxisOrder, ...]:
    """Orders of the candidate's axes that fit `shape` best: exactly, or with the fewest and
    smallest differences of length.
    """
    if len(shape) != len(candidate) or len(shape) > MAX_AXES:
        return (tuple(range(len(candidate))),)
    all_orders = list(permutations(range(len(candidate))))
    turned_shapes = [_permute_shape(candidate, order) for order in all_orders]
    misfits = [_measure_misfit(shape, turned_shape) for turned_shape in turned_shapes]
    smallest_misfit = min(misfits)
    return tuple(
        order
        for order, misfit in zip(all_orders, misfits, strict=True)
        if misfit == smallest_misfit
    )


def _permute_shape(shape: Shape, order: AxisOrder) -> Shape:
    return tuple(shape[axis] for axis in order)


def _measure_misfit(reference_shape: Shape, candidate_shape: Shape) -> tuple[int, int]:
    gaps = [abs(a - b) for a, b in zip(reference_shape, candidate_shape, strict=True)]
    return sum(gap > 0 for gap in gaps), sum(gaps)


def find_axis_order(
    reference: Array, candidate: Array, usual: Mapping[int, AxisOrder]
) -> tuple[AxisOrder, bool]:
    """In which order to take the candidate's axes, and whether shape or values established it.

    Args:
        usual: Per number of axes, the order that the rest of the model keeps.
    """
    fitting = find_fitting_orders(reference.shape, candidate.shape)
    if len(fitting) == 1:
        return fitting[0], True
    is_exact = _permute_shape(candidate.shape, fitting[0]) == reference.shape
    if is_exact:
        errors = [relative_error(candidate.transpose(order), reference) for order in fitting]
        ranked = sorted(range(len(fitting)), key=lambda index: (errors[index], fitting[index]))
        smallest_error, second_error = errors[ranked[0]], errors[ranked[1]]
        if smallest_error < MAX_NEAR_ERROR and smallest_error < DECISIVE_RATIO * second_error:
            return fitting[ranked[0]], True
    identity = tuple(range(candidate.ndim))
    usual_order = usual.get(candidate.ndim, identity)
    if usual_order in fitting:
        return usual_order, False
    if identity in fitting:
        return identity, False
    return fitting[0], False


def to_reference_order(reference: Array, candidate: Array, usual: Mapping[int, AxisOrder]) -> Array:
    """The candidate's tensor in the reference's order of axes, as a view; unchanged where no order
    makes sense of it.
    """
    shape = fit_shape_to_rank(reference.shape, candidate.shape)
    if shape is None:
        is_same_size = candidate.size == reference.size and candidate.size > 0
        if is_same_size and _is_reshaped(reference, candidate):
            return candidate.reshape(reference.shape)
        return candidate
    candidate = candidate.reshape(shape)
    return candidate.transpose(find_axis_order(reference, candidate, usual)[0])


def _is_reshaped(reference: Array, candidate: Array) -> bool:
    return relative_error(candidate.reshape(reference.shape), reference) < MAX_NEAR_ERROR


def to_candidate_order(array: Array, shape: Shape, usual: Mapping[int, AxisOrder]) -> Array:
    """A tensor of the reference in the candidate's order of axes, where the candidate's own has
    this shape.

    Where lengths leave the order open, `usual` decides. The lengths stay the reference's.
    """
    widened_shape = fit_shape_to_rank(array.shape, shape)
    if widened_shape is None:
        if array.size == int(np.prod(shape)):
            return array.reshape(shape)
        return array
    fitting = find_fitting_orders(array.shape, widened_shape)
    identity = tuple(range(array.ndim))
    usual_order = usual.get(array.ndim, identity)
    if usual_order in fitting:
        order = usual_order
    elif identity in fitting:
        order = identity
    else:
        order = fitting[0]
    turned_array = np.ascontiguousarray(array.transpose(np.argsort(order)))
    if len(shape) == array.ndim:
        return turned_array
    return _reshape_to_rank(turned_array, shape)


def _reshape_to_rank(array: Array, shape: Shape) -> Array:
    """Axes of length one in or out, so that there are as many as in `shape`."""
    if array.size == int(np.prod(shape)):
        return array.reshape(shape)
    long_lengths = [n for n in array.shape if n != 1]
    long_axes = [axis for axis, n in enumerate(shape) if n != 1]
    if len(long_lengths) != len(long_axes):
        return array
    lengths = dict(zip(long_axes, long_lengths, strict=True))
    return array.reshape([lengths.get(axis, 1) for axis in range(len(shape))])
