"""Rows of a table (along axis 0) that hold one value each: found by comparing bytes, a row at a time.

A row is of one value if it is equal to itself moved by one element; that is a comparison of two stretches of memory, which
ends at the first difference. A vocabulary of 150,000 rows takes some tenths of a second, without NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import NamedTuple

from auscult.checkpoint.glance import MEMORYVIEW_CODES
from auscult.checkpoint.source import item_bytes, release_pages
from auscult.weights import Tensor

CHUNK_VALUES = 1 << 20
"""Values that are read at a time. Chosen, not measured."""
MIN_WIDTH = 4
"""Values of a row; in shorter rows equal values are chance. Chosen, not measured."""
COMPARED_BY_BYTES = frozenset((*MEMORYVIEW_CODES, "float16", "bfloat16"))
"""Types whose rows are compared in the file's own bytes."""


class RowRun(NamedTuple):
    """Neighbouring rows `start` to `stop` (exclusive) that hold one value each."""

    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start


def find_constant_rows(tensor: Tensor) -> tuple[RowRun, ...]:
    """Runs of rows of one value each (zero or another), in their order; none where rows are too short to tell.

    Args:
        tensor: [rows, ...]; what follows axis 0 makes up a row.

    Raises:
        CheckpointError: If the tensor cannot be read.
    """
    width = prod(tensor.shape[1:])
    if len(tensor.shape) < 2 or width < MIN_WIDTH or not tensor.size:
        return ()
    rows_per_chunk = max(CHUNK_VALUES // width, 1)
    view_bytes = getattr(tensor.data, "view_bytes", None)
    indices: list[int] = []
    for first_row in range(0, tensor.shape[0], rows_per_chunk):
        start, stop = first_row * width, min((first_row + rows_per_chunk) * width, tensor.size)
        view = None
        if view_bytes is not None and tensor.dtype in COMPARED_BY_BYTES:
            view = view_bytes(start, stop)
        if view is not None:
            constant_rows = _list_constant_rows(view, width, item_bytes(tensor.dtype))
        else:
            rows = tensor.flat(start, stop).reshape(-1, width)
            constant_rows = (rows == rows[:, :1]).all(axis=1).nonzero()[0].tolist()
        indices += [first_row + index for index in constant_rows]
        release_pages()
    return join_runs(indices)


def _list_constant_rows(view: memoryview, width: int, item_size: int) -> list[int]:
    row_bytes = width * item_size
    data = view.cast("B")
    return [
        index
        for index, start in enumerate(range(0, len(data), row_bytes))
        if data[start + item_size : start + row_bytes]
        == data[start : start + row_bytes - item_size]
    ]


def join_runs(indices: Iterable[int]) -> tuple[RowRun, ...]:
    """Ascending indices, neighbours joined."""
    runs: list[RowRun] = []
    for index in indices:
        if runs and runs[-1].stop == index:
            runs[-1] = RowRun(runs[-1].start, index + 1)
        else:
            runs.append(RowRun(index, index + 1))
    return tuple(runs)
