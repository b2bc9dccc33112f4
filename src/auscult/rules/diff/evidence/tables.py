"""Tables that a formula gives: masks, ramps, windows, tables of sines. Code computes them, and training does not.

A sine, a window with one cosine, a ramp and a constant all follow x[t+1] + x[t-1] = c x[t] + d along their axis,
with one c and one d for each line. Trained values do not: their lines would have to agree to the last digits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.weights import Array

MIN_LINE = 8
"""Values of a line that can show a formula: two numbers are fitted to them. Chosen, not measured."""
MAX_LINES = 64
"""Lines that are looked at, spread over the table."""
ROUNDING_UNITS = 4.0
"""Error allowed, in last places of the largest value: each of three values is rounded, and the fit follows."""
ANGLE_UNITS = 64.0
"""Error allowed in last places of float32, in which code computes an angle before its sine."""
ANGLE_UNITS_PER_VALUE = 0.5
"""The same for each value of a line, because angles grow along it. Sines, windows and ramps of 8 to 4,096 values
had at most 980 in all; random, sorted and summed-up lines of 8 values at least 315,000. Chosen between them."""
MAX_DISTINCT = 2
"""Different values of a mask."""
FLOAT32_UNIT = 2.0**-23
TABLE_UNITS = {"float64": FLOAT32_UNIT, "float32": FLOAT32_UNIT, "float16": 2.0**-10}
"""One unit in the last place of 1.0; of wider formats float32's, and coarser ones show no formula."""


def is_computed_table(values: Array) -> bool:
    """Whether a formula of one frequency gives these values along an axis, or there are only two of them."""
    if values.size < MIN_LINE or values.dtype.kind not in "fV":
        return False
    if _has_few_values(values):
        return True
    unit = TABLE_UNITS.get(values.dtype.name)
    if unit is None:
        return False
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        return False
    return any(
        _has_followed_a_formula(numbers, axis, unit)
        for axis, length in enumerate(numbers.shape)
        if length >= MIN_LINE
    )


def _has_few_values(values: Array) -> bool:
    return len(np.unique(values.astype(np.float64))) <= MAX_DISTINCT


def _has_followed_a_formula(numbers: NDArray[np.float64], axis: int, unit: float) -> bool:
    lines = np.moveaxis(numbers, axis, -1).reshape(-1, numbers.shape[axis])
    places = np.linspace(0, len(lines) - 1, min(len(lines), MAX_LINES)).astype(int)
    return all(_follows_a_formula(line, unit) for line in lines[np.unique(places)])


def _follows_a_formula(line: NDArray[np.float64], unit: float) -> bool:
    inner, sums = line[1:-1], line[2:] + line[:-2]
    design = np.stack((inner, np.ones_like(inner)), axis=1)
    solution, *_ = np.linalg.lstsq(design, sums, rcond=None)
    error = float(np.abs(design @ solution - sums).max())
    units = ROUNDING_UNITS * unit
    units += (ANGLE_UNITS + ANGLE_UNITS_PER_VALUE * len(line)) * FLOAT32_UNIT
    return error <= units * max(float(np.abs(line).max()), np.finfo(np.float64).tiny)
