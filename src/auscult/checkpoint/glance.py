"""A sample of a tensor's values measured in plain Python.

A glance at a few thousand values per tensor takes less time than importing numpy does, so `inspect` gets by without it. What is
measured is what `auscult.checkpoint.moments` measures on all values, in the same columns.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from itertools import chain, islice
from math import dist, hypot, inf, isfinite, isnan, log2, prod
from operator import mul
from typing import Any

from auscult.weights import Tensor

BLOCK_VALUES = 256
"""Values per block. The spread of the blocks' variances tells rows of unequal gain from independent draws."""

LOG_STEP = 4  # the geometric mean rests on every fourth value

MEMORYVIEW_CODES = {
    **{"float32": "f", "float64": "d", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H"},
    **{"int32": "i", "uint32": "I", "int64": "q", "uint64": "Q", "bool": "?"},
}
"""The letter that memoryview has for a dtype."""

ValueSums = dict[str, float]


def read_values(tensor: Tensor, start: int, stop: int) -> list[float]:
    """Stored elements `start:stop`, the two parts of complex numbers one after the other.

    Raises:
        CheckpointError: If they cannot be read.
    """
    view_bytes = getattr(tensor.data, "view_bytes", None)
    view = None
    if view_bytes is not None and sys.byteorder == "little":
        view = view_bytes(start, stop)
    if view is not None and tensor.dtype in MEMORYVIEW_CODES:
        numbers: list[Any] = view.cast(MEMORYVIEW_CODES[tensor.dtype]).tolist()
        if tensor.dtype.startswith("float"):
            return numbers
        return [float(value) for value in numbers]
    if view is not None and tensor.dtype == "float16":
        return list(struct.unpack(f"<{len(view) // 2}e", view))
    if view is not None and tensor.dtype == "bfloat16":
        wide_bytes = bytearray(2 * len(view))
        wide_bytes[2::4], wide_bytes[3::4] = view[0::2], view[1::2]
        wide_values: list[Any] = memoryview(wide_bytes).cast("f").tolist()
        return wide_values
    array = tensor.flat(start, stop)
    if array.dtype.kind == "c":
        return [*array.real.tolist(), *array.imag.tolist()]
    return [float(value) for value in array.tolist()]


def measure_pieces(pieces: Sequence[list[float]], *, closely: bool) -> ValueSums:
    """Sums over the pieces of one tensor.

    Args:
        closely: Measure the higher powers, neighbours and blocks too, which only weights need.
    """
    values = list(chain.from_iterable(pieces)) if len(pieces) > 1 else pieces[0]
    sums = dict.fromkeys(("nan", "inf", "s3", "s4", "lag", "blocks", "v1", "v2"), 0.0)
    sums["count"] = len(values)
    if not isfinite(sum(values)):  # a finite sum has no infinity and no NaN in it
        sums["nan"] = sum(map(isnan, values))
        finite_values = [value for value in values if isfinite(value)]
        sums["inf"] = len(values) - sums["nan"] - len(finite_values)
        pieces, values = [finite_values], finite_values
    sums["minimum"], sums["maximum"] = min(values, default=inf), max(values, default=-inf)
    sums["zeros"] = values.count(0.0)
    sums["s1"], sums["s2"] = float(sum(values)), _sum_squares(values)
    magnitudes = [abs(value) for value in islice(values, 0, None, LOG_STEP) if value]
    if magnitudes:
        sums["log"] = sum(map(log2, magnitudes)) * (len(values) - sums["zeros"]) / len(magnitudes)
    else:
        sums["log"] = 0.0
    if closely:
        squares = list(map(mul, values, values))
        sums["s3"], sums["s4"] = sum(map(mul, squares, values)), _sum_squares(squares)
        sums["lag"] = sum(map(_sum_neighbour_products, pieces))
        _measure_blocks(sums, pieces)
    return sums


def _sum_squares(values: Sequence[float]) -> float:
    """The sum of the squares: `hypot` runs in C, several times faster than multiplying number by number."""
    length = hypot(*values)
    return length * length


def _sum_neighbour_products(piece: list[float]) -> float:
    """The sum of the products of neighbours, from the distance of the piece to itself moved by one: 2ab = a² + b² - (a - b)²."""
    first, second = piece[:-1], piece[1:]
    distance = dist(first, second)
    return (_sum_squares(first) + _sum_squares(second) - distance * distance) / 2


def _measure_blocks(sums: ValueSums, pieces: Sequence[list[float]]) -> None:
    for piece in pieces:
        for start in range(0, len(piece) - BLOCK_VALUES + 1, BLOCK_VALUES):
            power = _sum_squares(piece[start : start + BLOCK_VALUES]) / BLOCK_VALUES
            sums["blocks"] += 1
            sums["v1"] += power
            sums["v2"] += power * power


def find_row_peaks(tensor: Tensor, values: list[float]) -> list[float]:
    """Largest magnitude of each row along axis 0, where `values` are all of the tensor; NaN counts as infinite."""
    width = prod(tensor.shape[1:])
    sizes = [inf if isnan(value) else abs(value) for value in values]
    if width == 1:
        return sizes
    if width:
        return [max(sizes[start : start + width]) for start in range(0, len(sizes), width)]
    return []
