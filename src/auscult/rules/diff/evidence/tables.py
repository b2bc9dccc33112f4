"""Tables that a formula gives: masks, ramps, windows, tables of sines. Code computes them, and training does not.

A sine, a window with one cosine, a ramp and a constant all follow x[t+1] + x[t-1] = c x[t] + d along their axis,
with one c and one d for each line. Trained values do not: their lines would have to agree to the last digits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.weights import Array, Tensor

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
MIN_CODED_LINE = 10
"""The same as MIN_LINE for codes, whose rounding leaves a formula more room. Chosen, not measured."""
MAX_CODED_ERROR = 2.0
"""Error allowed in steps: half a step for each of three values, the middle one up to twice."""
CODED_DTYPES = frozenset(("int8", "uint8", "int16", "uint16"))
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


def is_quantised_table(tensor: Tensor) -> bool:
    """The same of codes of 8 bits or more, each up to half a step from what the formula gives.

    A mask of 0 and minus infinity has an infinite step: only its codes are looked at.
    """
    codes = tensor.numpy()
    if codes.size < MIN_LINE:
        return False
    if len(np.unique(codes)) <= MAX_DISTINCT:
        return True
    if tensor.dtype not in CODED_DTYPES:
        return False
    numbers = codes.astype(np.float64)  # scales along another axis change no line's formula
    return any(
        _have_coded_lines_a_formula(numbers, axis)
        for axis, length in enumerate(numbers.shape)
        if length >= MIN_CODED_LINE
    )


def _have_coded_lines_a_formula(codes: NDArray[np.float64], axis: int) -> bool:
    return all(_fit_formula(line) <= MAX_CODED_ERROR for line in _sample_lines(codes, axis))


def _has_few_values(values: Array) -> bool:
    return len(np.unique(values.astype(np.float64))) <= MAX_DISTINCT


def _has_followed_a_formula(numbers: NDArray[np.float64], axis: int, unit: float) -> bool:
    return all(_follows_a_formula(line, unit) for line in _sample_lines(numbers, axis))


def _sample_lines(numbers: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Some lines along an axis, spread over the table."""
    lines = np.moveaxis(numbers, axis, -1).reshape(-1, numbers.shape[axis])
    places = np.linspace(0, len(lines) - 1, min(len(lines), MAX_LINES)).astype(int)
    return np.asarray(lines[np.unique(places)])


def _follows_a_formula(line: NDArray[np.float64], unit: float) -> bool:
    units = ROUNDING_UNITS * unit
    units += (ANGLE_UNITS + ANGLE_UNITS_PER_VALUE * len(line)) * FLOAT32_UNIT
    peak = max(float(np.abs(line).max()), np.finfo(np.float64).tiny)
    return _fit_formula(line) <= units * peak


def _fit_formula(line: NDArray[np.float64]) -> float:
    """The largest error of the best c and d."""
    inner, sums = line[1:-1], line[2:] + line[:-2]
    design = np.stack((inner, np.ones_like(inner)), axis=1)
    solution, *_ = np.linalg.lstsq(design, sums, rcond=None)
    return float(np.abs(design @ solution - sums).max())
