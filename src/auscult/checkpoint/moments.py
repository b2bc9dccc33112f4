"""Sums over all values of a tensor, chunk by chunk: counts, extremes, powers, neighbours, and the scatter of block variances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auscult.checkpoint.glance import BLOCK_VALUES, ValueSums
from auscult.weights import Array

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = (
    "count",
    "nan",
    "inf",
    "zeros",
    "minimum",
    "maximum",
    "s1",
    "s2",
    "s3",
    "s4",
    "log",
    "lag",
    "blocks",
    "v1",
    "v2",
)
"""Count to zeros are counts; s1 to s4 sums of powers and log that of log2|x|, over finite (and non-zero) values; lag the sum of
products of neighbours; blocks, v1 and v2 the number of full blocks and the sums of their mean squares and of their squares."""


def to_float64(values: Array) -> NDArray[np.float64]:
    """Values as float64, 1-D; the two parts of complex numbers one after the other."""
    if values.dtype.kind == "c":
        values = np.concatenate([values.real.reshape(-1), values.imag.reshape(-1)])
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(values, np.float64).reshape(-1)


def make_empty_sums() -> ValueSums:
    """Sums over nothing."""
    return {**dict.fromkeys(COLUMNS, 0.0), "minimum": np.inf, "maximum": -np.inf}


def merge_sums(target_sums: ValueSums, chunk_sums: ValueSums) -> None:
    """Add the sums of another chunk."""
    for name, value in chunk_sums.items():
        if name in ("minimum", "maximum"):
            if name == "minimum":
                target_sums[name] = min(target_sums[name], value)
            else:
                target_sums[name] = max(target_sums[name], value)
        else:
            target_sums[name] += value


def measure_values(values: NDArray[np.float64]) -> ValueSums:
    """Sums over one chunk of values."""
    finite = np.isfinite(values)
    nan = inf = 0.0
    if not finite.all():
        nan = float(np.isnan(values).sum())
        inf = len(values) - float(finite.sum()) - nan
        values = values[finite]
    squares = values * values
    sizes = np.abs(values)
    zeros = len(values) - float(np.count_nonzero(sizes))
    blocks = (
        squares[: len(squares) // BLOCK_VALUES * BLOCK_VALUES]
        .reshape(-1, BLOCK_VALUES)
        .mean(axis=1)
    )
    return {
        "count": len(values) + nan + inf,
        "nan": nan,
        "inf": inf,
        "zeros": zeros,
        "minimum": float(values.min(initial=np.inf)),
        "maximum": float(values.max(initial=-np.inf)),
        "s1": float(values.sum()),
        "s2": float(squares.sum()),
        "s3": _sum_products(squares, values),
        "s4": _sum_products(squares, squares),
        "log": float(np.log2(sizes[sizes > 0.0] if zeros else sizes).sum()),
        "lag": _sum_products(values[:-1], values[1:]),
        "blocks": float(len(blocks)),
        "v1": float(blocks.sum()),
        "v2": _sum_products(blocks, blocks),
    }


def _sum_products(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Sum of products, in this thread: BLAS would start threads of its own in each of ours, ten times slower."""
    return float(np.einsum("i,i->", a, b))


def find_row_peaks(values: NDArray[np.float64], width: int) -> list[float]:
    """Largest magnitude of each row of `width` values; NaN counts as infinite."""
    peaks = np.abs(values).reshape(-1, width).max(axis=1)
    peak_list: list[float] = np.where(np.isnan(peaks), np.inf, peaks).tolist()
    return peak_list
