"""Bounded, memory-mapped access to a file: no read can leave the file, however wrong an offset in its header is."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Literal

import ml_dtypes
import numpy as np

from auscult.errors import CheckpointError
from auscult.weights import Array, Shape

ML_DTYPES = frozenset(
    ("bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn")
    + ("int4", "uint4", "int2", "uint2")
)


def dtype_of(name: str) -> np.dtype:
    """The numpy dtype (of ml_dtypes where numpy has none) of that name."""
    return np.dtype(getattr(ml_dtypes, name)) if name in ML_DTYPES else np.dtype(name)


@dataclass(frozen=True)
class Source:
    """A file, or a window of one. Nothing is read until it is asked for.

    Attributes:
        start: First byte of the window.
        length: Bytes in the window; -1 for the rest of the file.
    """

    path: Path
    start: int = 0
    length: int = -1
    _parent: Source | None = field(default=None, repr=False, compare=False)

    @cached_property
    def size(self) -> int:
        """Bytes in the window.

        Raises:
            CheckpointError: If the file cannot be opened.
        """
        if self.length >= 0:
            return self.length
        try:
            return self.path.stat().st_size - self.start
        except OSError as error:
            raise CheckpointError(f"cannot be opened: {error.strerror}", where=str(self.path)) from error

    @cached_property
    def _map(self) -> memoryview:
        if self._parent is not None:
            return self._parent._map
        if self.path.stat().st_size == 0:
            return memoryview(b"")
        try:
            with self.path.open("rb") as handle:
                return memoryview(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError as error:
            raise CheckpointError(f"cannot be opened: {error.strerror}", where=str(self.path)) from error

    def view(self, offset: int, length: int) -> memoryview:
        """`length` bytes at `offset` of the window, without a copy.

        Raises:
            CheckpointError: If they do not lie wholly inside the window.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise CheckpointError(
                "points outside the file",
                where=str(self.path),
                expected=f"at most {self.size} bytes",
                found=f"{length} bytes at offset {offset}",
                hint="the file is truncated or damaged: fetch it again and compare its size with the original's",
            )
        return self._map[self.start + offset : self.start + offset + length]

    def bytes(self, offset: int, length: int) -> bytes:
        """A copy of `length` bytes at `offset`; bounded like `view`."""
        return bytes(self.view(offset, length))

    def window(self, offset: int, length: int) -> Source:
        """A part of this source as a source of its own."""
        self.view(offset, length)
        return Source(self.path, self.start + offset, length, self._parent or self)


@dataclass(frozen=True)
class FileArray:
    """Data of a tensor that lies uncompressed in a file.

    Attributes:
        offset: Byte offset in `source` of the storage's first element.
        first: Element offset of the tensor in its storage.
        strides: In elements; None for row-major contiguous.
        byteorder: `<` or `>`.
    """

    source: Source
    offset: int
    dtype: str
    shape: Shape
    first: int = 0
    strides: tuple[int, ...] | None = None
    byteorder: Literal["<", ">"] = "<"

    def array(self) -> Array:
        if self.strides is None or prod(self.shape) == 0:
            return self._elements(0, prod(self.shape)).reshape(self.shape)
        span = 1 + sum((side - 1) * step for side, step in zip(self.shape, self.strides, strict=True))
        if min(self.strides, default=0) < 0:
            raise CheckpointError("has a negative stride", where=str(self.source.path), found=self.strides)
        flat = self._elements(0, span)
        return np.lib.stride_tricks.as_strided(flat, self.shape, [step * flat.itemsize for step in self.strides], writeable=False)

    def flat(self, start: int, stop: int) -> Array:
        if self.strides is None:
            return self._elements(start, max(stop, start))
        index = np.unravel_index(np.arange(start, max(stop, start)), self.shape)
        return np.asarray(self.array()[index])

    def _elements(self, start: int, stop: int) -> Array:
        kind = dtype_of(self.dtype)
        view = self.source.view(self.offset + (self.first + start) * kind.itemsize, (stop - start) * kind.itemsize)
        if kind.itemsize == 1:
            return np.frombuffer(view, kind)
        if self.byteorder == ">" and self.dtype in ML_DTYPES:  # numpy cannot swap the bytes of a type it does not know
            return np.frombuffer(view, ">u2").astype(np.uint16).view(kind)
        return np.frombuffer(view, kind.newbyteorder(self.byteorder))
