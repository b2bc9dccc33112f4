"""The memory of a conversion: blocks that are used again, mapped pages that are given back, arrays as bytes."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from auscult.recipe.blocks import iter_block_slices
from auscult.weights import Array

PIECE_BYTES = 4 << 20
BLOCK_BYTES = 2 << 20


class BlockBuffers:
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


def to_little_endian(array: Array) -> Array:
    """The array in little-endian order, a view where it is so already."""
    if array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and sys.byteorder == "big"):
        return array.astype(array.dtype.newbyteorder("<"))
    return array


def iter_bytes(array: Array) -> Iterator[memoryview]:
    """Row-major bytes in pieces; a strided view is made contiguous block by block."""
    if array.size == 0:
        return
    if array.flags.c_contiguous:
        flat = _view_as_bytes(array)
        for start in range(0, len(flat), PIECE_BYTES):
            yield flat[start : start + PIECE_BYTES]
        return
    for block_index in iter_block_slices(array.shape, 0, PIECE_BYTES // array.itemsize):
        yield _view_as_bytes(np.ascontiguousarray(array[block_index]))


def _view_as_bytes(array: Array) -> memoryview:
    flat: Any = array.reshape(-1).view(np.uint8)
    return memoryview(flat)


def release_memory(arrays: Iterable[Array]) -> None:
    """Let the system take the memory of mapped arrays back; it is read again from the file if it is used again."""
    spans: dict[int, tuple[mmap.mmap, int, int]] = {}
    for array in arrays:
        memory_map = _find_memory_map(array)
        if memory_map is None or array.size == 0:
            continue
        low, high = np.lib.array_utils.byte_bounds(array)
        _, span_start, span_stop = spans.get(id(memory_map), (memory_map, low, high))
        spans[id(memory_map)] = (memory_map, min(span_start, low), max(span_stop, high))
    for memory_map, span_start, span_stop in spans.values():
        origin = np.frombuffer(memory_map, np.uint8).__array_interface__["data"][0]
        start = (span_start - origin) // mmap.PAGESIZE * mmap.PAGESIZE
        stop = min(len(memory_map), -(-(span_stop - origin) // mmap.PAGESIZE) * mmap.PAGESIZE)
        memory_map.madvise(mmap.MADV_DONTNEED, start, stop - start)


def _find_memory_map(array: Array) -> mmap.mmap | None:
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        return base
    return None
