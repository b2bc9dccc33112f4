"""Moments of many tensors at once: one numpy pass over pieces laid end to end, so that a hundred tensors cost as one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.weights import Array

BLOCK = 256
"""Values per block. The spread of the blocks' variances tells rows of unequal gain from independent draws."""

COLUMNS = ("count", "nan", "inf", "zeros", "minimum", "maximum", "s1", "s2", "s3", "s4", "log", "lag", "blocks", "v1", "v2")
"""Count to zeros are counts; s1 to s4 sums of powers and log that of log2|x| over finite non-zero values; lag the sum of
products of neighbours; blocks, v1 and v2 the number of full blocks and the sums of their mean squares and of their squares."""

_MIN, _MAX = COLUMNS.index("minimum"), COLUMNS.index("maximum")

Table = NDArray[np.float64]


def as_float(values: Array) -> NDArray[np.float64]:
    """Values as float64, 1-D; the two parts of complex numbers one after the other."""
    if values.dtype.kind == "c":
        values = np.concatenate([values.real.reshape(-1), values.imag.reshape(-1)])
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(values, np.float64).reshape(-1)


def empty(rows: int) -> Table:
    """A table of nothing seen yet."""
    table = np.zeros((rows, len(COLUMNS)))
    table[:, _MIN], table[:, _MAX] = np.inf, -np.inf
    return table


def merge(into: Table, rows: Any, more: Table) -> None:
    """Add `more` to the rows of `into` at the given distinct indices."""
    minimum, maximum = np.minimum(into[rows, _MIN], more[:, _MIN]), np.maximum(into[rows, _MAX], more[:, _MAX])
    into[rows] += more
    into[rows, _MIN], into[rows, _MAX] = minimum, maximum


def measure(values: NDArray[np.float64], starts: list[int]) -> Table:
    """One row of sums per segment; segment i is `values[starts[i]:starts[i + 1]]` and is not empty.

    `values` is overwritten where it is not finite.
    """
    bounds = np.asarray([*starts, len(values)])
    owner, heads, full = _blocks(bounds)
    total = np.add.reduceat
    finite = np.isfinite(values)
    bad = None if finite.all() else ~finite
    table = empty(len(starts))
    columns: dict[str, NDArray[Any]] = {}
    if bad is None:
        columns["minimum"], columns["maximum"] = np.minimum.reduceat(values, heads), np.maximum.reduceat(values, heads)
    else:
        columns["nan"] = total(np.isnan(values), heads, dtype=np.float64)
        columns["inf"] = total(bad, heads, dtype=np.float64) - columns["nan"]
        columns["minimum"] = np.minimum.reduceat(np.where(bad, np.inf, values), heads)
        columns["maximum"] = np.maximum.reduceat(np.where(bad, -np.inf, values), heads)
        values[bad] = 0.0
    power = values * values
    columns["s1"], columns["s2"] = total(values, heads), total(power, heads)
    columns["s3"], columns["s4"] = total(power * values, heads), total(power * power, heads)
    nonzero = values != 0.0
    columns["zeros"] = total(~nonzero, heads, dtype=np.float64) - (0.0 if bad is None else columns["nan"] + columns["inf"])
    with np.errstate(divide="ignore"):
        columns["log"] = total(np.where(nonzero, np.log2(np.abs(values)), 0.0), heads)
    neighbours = np.empty_like(values)
    np.multiply(values[:-1], values[1:], out=neighbours[:-1])
    neighbours[bounds[1:] - 1] = 0.0
    columns["lag"] = total(neighbours, heads)
    power_of_block = np.where(full, columns["s2"] / BLOCK, 0.0)
    columns["blocks"], columns["v1"], columns["v2"] = full.astype(np.float64), power_of_block, power_of_block**2
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    for name, column in columns.items():
        index = COLUMNS.index(name)
        ufunc = {"minimum": np.minimum, "maximum": np.maximum}.get(name, np.add)
        table[:, index] = ufunc.reduceat(column, first)
    table[:, 0] = np.diff(bounds)
    return table


def _blocks(bounds: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Owner segment, first value, and fullness of every block of every segment."""
    lengths = np.diff(bounds)
    counts = -(-lengths // BLOCK)
    owner = np.repeat(np.arange(len(lengths)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    heads = bounds[owner] + within * BLOCK
    return owner, heads, (within + 1) * BLOCK <= lengths[owner]
