"""What is kept of every tensor: moments, extremes, non-finite elements, quantiles; and its sketch in the same pass."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auscult.trace.records import Statistics
from auscult.trace.sketch import BLOCK, SEED, Projection, blocks, in_order, sample
from auscult.weights import Array

QUANTILES = 17
GROUP = 8
"""Blocks that one thread sums."""
MAX_WORKERS = 4


class Summary(NamedTuple):
    """Statistics of a tensor, and its projection [SIZE] where it was asked for."""

    statistics: Statistics
    projection: NDArray[np.float64] | None


def summarise(array: Array, *, projection: bool = False, seed: int = SEED) -> Summary:
    """Measure a tensor of any shape and type in one pass of float64 sums; complex elements count as pairs of reals."""
    flat = in_order(array)
    groups = range(0, max(-(-flat.size // BLOCK), 1), GROUP)
    workers = _workers() if len(groups) > 1 else None

    def measure(first: int) -> _Part:
        return _part(flat, first, projection=projection, seed=seed)

    parts = list(map(measure, groups) if workers is None else workers.map(measure, groups))
    bad, total, squares = sum(part.bad for part in parts), sum(part.total for part in parts), sum(part.squares for part in parts)
    count = flat.size - bad
    mean = total / count if count else 0.0
    power = squares / count if count else 0.0
    found = Statistics(
        mean=mean,
        std=math.sqrt(max(power - mean * mean, 0.0)) if math.isfinite(power) else math.inf,
        rms=math.sqrt(power),
        low=min(part.low for part in parts) if count else 0.0,
        high=max(part.high for part in parts) if count else 0.0,
        non_finite=bad,
        quantiles=quantiles(array),
    )
    # Summed in the order of the groups, whatever thread was first: the same tensor gives the same bits on every machine.
    sums = [part.sums for part in parts if part.sums is not None]
    return Summary(found, np.sum(sums, axis=0) if sums else None)


class _Part(NamedTuple):
    """Sums over one group of blocks."""

    bad: int
    total: float
    squares: float
    low: float
    high: float
    sums: NDArray[np.float64] | None


def _part(flat: Array, first: int, *, projection: bool, seed: int) -> _Part:
    total, squares, low, high, bad = 0.0, 0.0, math.inf, -math.inf, 0
    sums = Projection(seed) if projection else None
    for index, block in blocks(flat, first, GROUP):
        part, square = block, _power(block)
        if not math.isfinite(square):
            part = block[np.isfinite(block)]
            bad += block.size - part.size
            with np.errstate(over="ignore"):
                square = _power(part)
        squares += square
        total += float(part.sum())
        if part.size:
            # Extremes need no float64: half the bytes where all elements count.
            own = flat[index * BLOCK : index * BLOCK + block.size] if part is block and flat.dtype == np.float32 else part
            low, high = min(low, float(own.min())), max(high, float(own.max()))
        if sums is not None:
            sums.add(index, block)
    return _Part(bad, total, squares, low, high, None if sums is None else sums.sums)


@cache
def _workers() -> ThreadPoolExecutor | None:
    """A few threads, since a recorded model waits for us with all its own; numpy lets go of the interpreter meanwhile."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ThreadPoolExecutor(min(cores, MAX_WORKERS), thread_name_prefix="auscult") if cores > 1 else None


def _power(block: NDArray[np.float64]) -> float:
    """Sum of squares. Not by BLAS: for each small block it would wake threads that fight with those of the model."""
    return float(np.einsum("i,i->", block, block))


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
