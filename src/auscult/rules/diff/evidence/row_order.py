"""Whether one array is another with its rows (or the slices along another axis) in another order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from auscult.align.fingerprint import view_as_bits
from auscult.weights import Array

MIN_SLICES = 4
"""Slices along an axis; fewer may be in another order by chance. Chosen, not measured."""
MIN_VALUES = 4
"""Values of a slice; shorter ones may be equal by chance. Chosen, not measured."""


@dataclass(frozen=True)
class SliceOrder:
    """Slices of the reference that the candidate has in another order.

    Attributes:
        axis: The slices are of one index each on this axis.
        order: For each index of the candidate, the reference's index of that slice.
    """

    axis: int
    order: tuple[int, ...]

    def describe(self) -> str:
        """The order in words, where it is one of those that code makes."""
        count = len(self.order)
        shift = self.order[0]
        if self.order == tuple(range(count - 1, -1, -1)):
            return "reversed"
        if self.order == tuple((index + shift) % count for index in range(count)):
            return f"moved by {shift if shift <= count // 2 else shift - count}"
        halves = tuple(range(0, count, 2)) + tuple(range(1, count, 2))
        if self.order == halves:
            return "even ones first, then odd ones"
        if tuple(np.argsort(self.order)) == halves:
            return "the two halves interleaved"
        return "shuffled"


def find_slice_order(candidate: Array, reference: Array) -> SliceOrder | None:
    """The order that makes the candidate of the reference, along the first axis that has one; None if none has.

    Values are compared bit for bit, in the narrower of the two number formats. Where slices repeat, there is no telling.

    Args:
        candidate, reference: Two arrays of one shape.
    """
    if candidate.ndim < 2 or candidate.dtype.kind not in "fV" or reference.dtype.kind not in "fV":
        return None
    if candidate.dtype.itemsize < reference.dtype.itemsize:
        reference = reference.astype(candidate.dtype)
    else:
        candidate = candidate.astype(reference.dtype, copy=False)
    for axis in range(candidate.ndim):
        count = candidate.shape[axis]
        if count < MIN_SLICES or candidate.size // count < MIN_VALUES:
            continue
        if not _has_same_first_values(candidate, reference, axis):
            continue
        places = {row: index for index, row in enumerate(_list_slices(reference, axis))}
        order = tuple(places.get(row, -1) for row in _list_slices(candidate, axis))
        if sorted(order) == list(range(count)):
            return SliceOrder(axis, order)
    return None


def _has_same_first_values(candidate: Array, reference: Array, axis: int) -> bool:
    """Whether the first values of all slices are the same ones, in any order: else the slices are not, and need no look."""
    candidate_bits, reference_bits = (
        np.sort(view_as_bits(_take_first_values(array, axis))) for array in (candidate, reference)
    )
    return bool((candidate_bits == reference_bits).all())


def _take_first_values(array: Array, axis: int) -> Array:
    """The first value of each slice along an axis."""
    first_place: list[Any] = [0] * array.ndim
    first_place[axis] = slice(None)
    return np.asarray(array[tuple(first_place)])


def _list_slices(array: Array, axis: int) -> list[bytes]:
    return [np.ascontiguousarray(part).tobytes() for part in np.moveaxis(array, axis, 0)]
