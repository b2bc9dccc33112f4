"""A tensor that a training on several processes wrote in pieces: boxes of it, each in a place of its own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from auscult.checkpoint.source import dtype_of
from auscult.errors import CheckpointError
from auscult.late import numpy as np
from auscult.weights import Array, Shape, TensorData

MAX_COMPARED_BOXES = 512
"""Boxes that are held against each other one by one; more come only from cuts along one axis."""


class Chunk(NamedTuple):
    """A box of a tensor.

    Attributes:
        offsets: Where in the tensor its first element lies, per axis.
        sizes: Its sides.
        data: Its elements.
    """

    offsets: Shape
    sizes: Shape
    data: TensorData


@dataclass(frozen=True)
class ChunkedData:
    """Data that lies in boxes which fill the tensor without overlap: see `check_chunks`."""

    chunks: tuple[Chunk, ...]
    shape: Shape
    dtype: str

    def array(self) -> Array:
        if self._is_whole:
            return self.chunks[0].data.array()
        joined = np.empty(self.shape, dtype_of(self.dtype))
        for offsets, sizes, data in self.chunks:
            box = tuple(
                slice(start, start + side) for start, side in zip(offsets, sizes, strict=True)
            )
            joined[box] = data.array()
        return joined

    def flat(self, start: int, stop: int) -> Array:
        """Elements `start:stop`, each taken from the box that holds it."""
        if self._is_whole:
            return self.chunks[0].data.flat(start, stop)
        count = max(stop - start, 0)
        values = np.empty(count, dtype_of(self.dtype))
        places = np.unravel_index(np.arange(start, start + count), self.shape)
        for offsets, sizes, data in self.chunks:
            inside = np.ones(count, np.bool_)
            for place, first, side in zip(places, offsets, sizes, strict=True):
                inside &= (place >= first) & (place < first + side)
            if inside.any():
                local = tuple(
                    place[inside] - first for place, first in zip(places, offsets, strict=True)
                )
                values[inside] = data.array()[local]
        return values

    @property
    def _is_whole(self) -> bool:
        return len(self.chunks) == 1 and self.chunks[0].sizes == self.shape


def check_chunks(boxes: Sequence[tuple[Shape, Shape]], shape: Shape, where: str) -> None:
    """Whether boxes, each with its offsets and its sides, fill a tensor without a gap or an overlap.

    Raises:
        CheckpointError: If they do not.
    """
    for offsets, sizes in boxes:
        fits = len(offsets) == len(sizes) == len(shape) and all(
            start + side <= total for start, side, total in zip(offsets, sizes, shape, strict=True)
        )
        if not fits:
            raise _make_chunk_error("has a piece that lies outside it", where, shape, boxes)
    if sum(prod(sizes) for _, sizes in boxes) != prod(shape):
        raise _make_chunk_error("is not filled by its pieces", where, shape, boxes)
    full = [box for box in boxes if prod(box[1])]
    cut_axes = [
        axis for axis in range(len(shape)) if len({offsets[axis] for offsets, _ in full}) > 1
    ]
    if len(cut_axes) == 1:
        axis = cut_axes[0]
        ordered = sorted(full, key=lambda box: box[0][axis])
        neighbours = list(itertools.pairwise(ordered))
    elif len(full) <= MAX_COMPARED_BOXES:
        neighbours = [(box, other) for index, box in enumerate(full) for other in full[:index]]
    else:
        raise _make_chunk_error("lies in too many pieces", where, shape, boxes)
    if any(_do_overlap(box, other) for box, other in neighbours):
        raise _make_chunk_error("has pieces that overlap", where, shape, boxes)


def _do_overlap(box: tuple[Shape, Shape], other: tuple[Shape, Shape]) -> bool:
    return all(
        start < other_start + other_side and other_start < start + side
        for start, side, other_start, other_side in zip(*box, *other, strict=True)
    )


def _make_chunk_error(
    problem: str, where: str, shape: Shape, boxes: Sequence[tuple[Shape, Shape]]
) -> CheckpointError:
    return CheckpointError(
        problem,
        where=where,
        expected=f"pieces that make up {list(shape)}",
        found=f"{len(boxes)} of them with {sum(prod(sizes) for _, sizes in boxes)} values",
        hint="the index is damaged: copy the whole checkpoint folder again",
    )
