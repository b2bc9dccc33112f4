"""Byteswap: the bytes of each element backwards, as big-endian data read as little-endian."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.checks import to_native_contiguous
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Byteswap(Op):
    """Reverses each element's bytes (of a complex number: of each of its two parts); the dtype stays."""

    op: ClassVar[str] = "byteswap"

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        return [_swap_bytes(array) for array in arrays]

    def inverse(self) -> Byteswap:
        return self

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        return [tuple(shape) for shape in shapes]


def _swap_bytes(array: Array) -> Array:
    if array.dtype.kind == "c":
        size = array.dtype.itemsize // 2
    else:
        size = array.dtype.itemsize
    flat = to_native_contiguous(array).reshape(-1)  # a scalar cannot change its item size in a view
    return flat.view(np.dtype(f"u{size}")).byteswap().view(flat.dtype).reshape(array.shape)
