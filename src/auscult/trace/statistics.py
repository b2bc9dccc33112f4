"""What is kept of every tensor: moments, extremes, non-finite elements, quantiles; and its sketch in the same pass."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auscult.trace.records import Statistics
from auscult.trace.sketch import SEED, Projection, blocks, sample
from auscult.weights import Array

QUANTILES = 17


class Summary(NamedTuple):
    """Statistics of a tensor, and its projection [SIZE] where it was asked for."""

    statistics: Statistics
    projection: NDArray[np.float64] | None


def summarise(array: Array, *, projection: bool = False, seed: int = SEED) -> Summary:
    """Measure a tensor of any shape and type in one pass of float64 sums; complex elements count as pairs of reals."""
    total, squares, low, high, bad = 0.0, 0.0, math.inf, -math.inf, 0
    size = array.size * (2 if array.dtype.kind == "c" else 1)
    sums = Projection(seed) if projection else None
    for index, block in enumerate(blocks(array)):
        part, square = block, float(block @ block)
        if not math.isfinite(square):
            part = block[np.isfinite(block)]
            bad += block.size - part.size
            with np.errstate(over="ignore"):
                square = float(part @ part)
        squares += square
        total += float(part.sum())
        if part.size:
            low, high = min(low, float(part.min())), max(high, float(part.max()))
        if sums is not None:
            sums.add(index, block)
    count = size - bad
    mean = total / count if count else 0.0
    power = squares / count if count else 0.0
    found = Statistics(
        mean=mean,
        std=math.sqrt(max(power - mean * mean, 0.0)) if math.isfinite(power) else math.inf,
        rms=math.sqrt(power),
        low=low if count else 0.0,
        high=high if count else 0.0,
        non_finite=bad,
        quantiles=quantiles(array),
    )
    return Summary(found, None if sums is None else sums.sums)


def quantiles(array: Array) -> tuple[float, ...]:
    """QUANTILES order statistics from the lowest to the highest of the finite elements in `sample(array)`."""
    some = sample(array).astype(np.float64)
    if array.dtype.kind not in "biu":
        some = some[np.isfinite(some)]
    if not some.size:
        return ()
    some.sort()
    places = np.linspace(0, some.size - 1, QUANTILES).round().astype(np.int64)
    return tuple(some[places].tolist())
