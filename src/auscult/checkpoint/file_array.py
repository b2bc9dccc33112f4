"""Tensors whose elements lie one after another in a file, whole or in windows."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple

from auscult.checkpoint.source import (
    MAX_EXPANDED_BYTES,
    MAX_EXPANSION,
    ByteSource,
    dtype_of,
    item_bytes,
)
from auscult.errors import CheckpointError
from auscult.late import numpy as np
from auscult.weights import Array, Shape, TensorData


@dataclass(slots=True)  # not frozen, as `Tensor`
class FileArray:
    """Data of a tensor whose elements lie one after another in a file.

    Attributes:
        offset: Byte offset in `source` of the storage's first element.
        first: Element offset of the tensor in its storage.
        strides: In elements; None for row-major contiguous.
        byteorder: `<` or `>`.
    """

    source: ByteSource
    offset: int
    dtype: str
    shape: Shape
    first: int = 0
    strides: tuple[int, ...] | None = None
    byteorder: Literal["<", ">"] = "<"

    def array(self) -> Array:
        """The elements, as a read-only view where the file's byte order is the machine's.

        Raises:
            CheckpointError: If they leave the file, or a broadcast tensor is far larger than its storage.
        """
        count = prod(self.shape)
        if self.strides is None or count == 0:
            kind = dtype_of(self.dtype)
            if count and self.byteorder == "<":
                width = kind.itemsize
                view = self.source.view(self.offset + self.first * width, count * width)
                return np.ndarray(
                    self.shape, kind, view
                )  # its base is the view, by which its pages are given back
            return self._read_elements(0, count).reshape(self.shape)
        if min(self.strides, default=0) < 0:
            raise CheckpointError(
                "has a negative stride", where=self.source.where, found=self.strides
            )
        span = span_of(self.shape, self.strides)
        width = item_bytes(self.dtype)
        if count * width > max(MAX_EXPANDED_BYTES, MAX_EXPANSION * span * width):
            raise CheckpointError(
                "a broadcast tensor is far larger than its storage",
                where=self.source.where,
                expected=f"at most {max(MAX_EXPANDED_BYTES, MAX_EXPANSION * span * width)} bytes",
                found=f"{count * width} bytes over {span * width}",
                hint="look at its shape only, or save it again with .contiguous() where that is meant",
            )
        flat = self._read_elements(0, span)
        return np.lib.stride_tricks.as_strided(
            flat, self.shape, [step * flat.itemsize for step in self.strides], writeable=False
        )

    def flat(self, start: int, stop: int) -> Array:
        if self.strides is None:
            return self._read_elements(start, max(stop, start))
        return np.asarray(self.array().flat[start : max(stop, start)])

    def view_bytes(self, start: int, stop: int) -> memoryview | None:
        """The bytes of elements `start:stop`, least significant first; None where they do not lie so."""
        width = item_bytes(self.dtype)
        if self.strides is not None or (self.byteorder == ">" and width > 1):
            return None
        return self.source.view(self.offset + (self.first + start) * width, (stop - start) * width)

    def _read_elements(self, start: int, stop: int) -> Array:
        kind = dtype_of(self.dtype)
        if stop <= start:
            return np.empty(0, kind)
        view = self.source.view(
            self.offset + (self.first + start) * kind.itemsize, (stop - start) * kind.itemsize
        )
        if self.byteorder == "<" or kind.itemsize == 1:
            return np.frombuffer(view, kind)
        if kind.kind == "V":  # ml_dtypes' types know no byte order
            return np.frombuffer(view, f">u{kind.itemsize}").astype(f"<u{kind.itemsize}").view(kind)
        return np.frombuffer(view, kind.newbyteorder(">"))


class SignedData(NamedTuple):
    """Data whose conjugate or negative bit is set, as torch stores lazy `conj()` and `imag` views."""

    base: TensorData
    conjugate: bool
    negative: bool

    def array(self) -> Array:
        return self._apply_signs(self.base.array())

    def flat(self, start: int, stop: int) -> Array:
        return self._apply_signs(self.base.flat(start, stop))

    def _apply_signs(self, values: Array) -> Array:
        values = np.conjugate(values) if self.conjugate else values
        if self.negative:
            return np.asarray(np.negative(values))
        return np.asarray(values)


def span_of(shape: Shape, strides: tuple[int, ...]) -> int:
    """Elements of the storage from the tensor's first to its last one, inclusive; 0 for an empty tensor."""
    if 0 in shape:
        return 0
    return 1 + sum((side - 1) * step for side, step in zip(shape, strides, strict=True))


def contiguous_strides(shape: Shape) -> tuple[int, ...]:
    """Row-major strides in elements."""
    strides = []
    step = 1
    for side in reversed(shape):
        strides.append(step)
        step *= max(side, 1)
    return tuple(reversed(strides))


def is_contiguous(shape: Shape, strides: tuple[int, ...]) -> bool:
    """Whether these strides are row-major; the stride of an axis of length 1 means nothing."""
    step = 1
    for side, stride in zip(reversed(shape), reversed(strides), strict=True):
        if side == 0:
            return True
        if side != 1 and stride != step:
            return False
        step *= side
    return True
