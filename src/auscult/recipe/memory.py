"""The memory of a conversion: blocks that are used again, mapped pages that are given back, arrays as bytes."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from auscult.recipe.blocks import block_slices
from auscult.weights import Array

PIECE = 4 << 20
BLOCK_BYTES = 2 << 20


class Buffers:
    """Memory for blocks, used again and again: fresh memory costs a page fault for every 4 KiB."""

    def __init__(self) -> None:
        self._free: SimpleQueue[Array] = SimpleQueue()
        self._lent: dict[int, Array] = {}

    def copied(self, view: Array) -> Array:
        """A contiguous copy of a strided view."""
        if view.nbytes > 2 * BLOCK_BYTES or view.size == 0:
            return np.ascontiguousarray(view)
        try:
            buffer = self._free.get_nowait()
        except Empty:
            buffer = np.empty(2 * BLOCK_BYTES, np.uint8)
        result = buffer[: view.nbytes].view(view.dtype).reshape(view.shape)
        self._lent[result.__array_interface__["data"][0]] = buffer
        np.copyto(result, view)
        return result

    def give_back(self, array: Array) -> None:
        """Take back the memory of an array that nobody looks at any more; any other array is left alone."""
        buffer = self._lent.pop(array.__array_interface__["data"][0], None)
        if buffer is not None:
            self._free.put(buffer)


def native(array: Array) -> Array:
    """The array in little-endian order, a view where it is so already."""
    if array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and sys.byteorder == "big"):
        return array.astype(array.dtype.newbyteorder("<"))
    return array


def bytes_of(array: Array) -> Iterator[memoryview]:
    """Row-major bytes in pieces; a strided view is made contiguous block by block."""
    if array.size == 0:
        return
    if array.flags.c_contiguous:
        flat = _view(array)
        for start in range(0, len(flat), PIECE):
            yield flat[start : start + PIECE]
        return
    for cut in block_slices(array.shape, 0, PIECE // array.itemsize):
        yield _view(np.ascontiguousarray(array[cut]))


def _view(array: Array) -> memoryview:
    flat: Any = array.reshape(-1).view(np.uint8)
    return memoryview(flat)


def release(arrays: Iterable[Array]) -> None:
    """Let the system take the memory of mapped arrays back; it is read again from the file if it is used again."""
    spans: dict[int, tuple[mmap.mmap, int, int]] = {}
    for array in arrays:
        whole = _map_of(array)
        if whole is None or array.size == 0:
            continue
        low, high = np.lib.array_utils.byte_bounds(array)
        _, first, last = spans.get(id(whole), (whole, low, high))
        spans[id(whole)] = (whole, min(first, low), max(last, high))
    for whole, first, last in spans.values():
        origin = np.frombuffer(whole, np.uint8).__array_interface__["data"][0]
        start = (first - origin) // mmap.PAGESIZE * mmap.PAGESIZE
        stop = min(len(whole), -(-(last - origin) // mmap.PAGESIZE) * mmap.PAGESIZE)
        whole.madvise(mmap.MADV_DONTNEED, start, stop - start)


def _map_of(array: Array) -> mmap.mmap | None:
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    return base if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED") else None
