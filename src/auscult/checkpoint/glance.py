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

BLOCK = 256
"""Values per block. The spread of the blocks' variances tells rows of unequal gain from independent draws."""

LOG_STEP = 4  # the geometric mean rests on every fourth value

CODES = {
    **{"float32": "f", "float64": "d", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H"},
    **{"int32": "i", "uint32": "I", "int64": "q", "uint64": "Q", "bool": "?"},
}
"""The letter that memoryview has for a dtype."""

Sums = dict[str, float]


def values_of(tensor: Tensor, start: int, stop: int) -> list[float]:
    """Stored elements `start:stop`, the two parts of complex numbers one after the other.

    Raises:
        CheckpointError: If they cannot be read.
    """
    raw = getattr(tensor.data, "raw", None)
    view = raw(start, stop) if raw is not None and sys.byteorder == "little" else None
    if view is not None and tensor.dtype in CODES:
        found: list[Any] = view.cast(CODES[tensor.dtype]).tolist()
        return found if tensor.dtype.startswith("float") else [float(value) for value in found]
    if view is not None and tensor.dtype == "float16":
        return list(struct.unpack(f"<{len(view) // 2}e", view))
    if view is not None and tensor.dtype == "bfloat16":
        wide = bytearray(2 * len(view))
        wide[2::4], wide[3::4] = view[0::2], view[1::2]
        widened: list[Any] = memoryview(wide).cast("f").tolist()
        return widened
    array = tensor.flat(start, stop)
    if array.dtype.kind == "c":
        return [*array.real.tolist(), *array.imag.tolist()]
    return [float(value) for value in array.tolist()]


def measure(pieces: Sequence[list[float]], *, closely: bool) -> Sums:
    """Sums over the pieces of one tensor.

    Args:
        closely: Measure the higher powers, neighbours and blocks too, which only weights need.
    """
    values = list(chain.from_iterable(pieces)) if len(pieces) > 1 else pieces[0]
    of = dict.fromkeys(("nan", "inf", "s3", "s4", "lag", "blocks", "v1", "v2"), 0.0)
    of["count"] = len(values)
    if not isfinite(sum(values)):  # a finite sum has no infinity and no NaN in it
        of["nan"] = sum(map(isnan, values))
        kept = [value for value in values if isfinite(value)]
        of["inf"] = len(values) - of["nan"] - len(kept)
        pieces, values = [kept], kept
    of["minimum"], of["maximum"] = min(values, default=inf), max(values, default=-inf)
    of["zeros"] = values.count(0.0)
    of["s1"], of["s2"] = float(sum(values)), _power(values)
    some = [abs(value) for value in islice(values, 0, None, LOG_STEP) if value]
    of["log"] = sum(map(log2, some)) * (len(values) - of["zeros"]) / len(some) if some else 0.0
    if closely:
        squares = list(map(mul, values, values))
        of["s3"], of["s4"] = sum(map(mul, squares, values)), _power(squares)
        of["lag"] = sum(map(_lag, pieces))
        _measure_blocks(of, pieces)
    return of


def _power(values: Sequence[float]) -> float:
    """The sum of the squares: `hypot` runs in C, several times faster than multiplying number by number."""
    length = hypot(*values)
    return length * length


def _lag(piece: list[float]) -> float:
    """The sum of the products of neighbours, from the distance of the piece to itself moved by one: 2ab = a² + b² - (a - b)²."""
    first, second = piece[:-1], piece[1:]
    apart = dist(first, second)
    return (_power(first) + _power(second) - apart * apart) / 2


def _measure_blocks(of: Sums, pieces: Sequence[list[float]]) -> None:
    for piece in pieces:
        for head in range(0, len(piece) - BLOCK + 1, BLOCK):
            power = _power(piece[head : head + BLOCK]) / BLOCK
            of["blocks"] += 1
            of["v1"] += power
            of["v2"] += power * power


def row_peaks(tensor: Tensor, values: list[float]) -> list[float]:
    """Largest magnitude of each row along axis 0, where `values` are all of the tensor; NaN counts as infinite."""
    width = prod(tensor.shape[1:])
    sizes = [inf if isnan(value) else abs(value) for value in values]
    if width == 1:
        return sizes
    return (
        [max(sizes[start : start + width]) for start in range(0, len(sizes), width)]
        if width
        else []
    )
