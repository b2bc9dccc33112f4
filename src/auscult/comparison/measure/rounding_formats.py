"""Tell a weight that was rounded to a coarser format from one that is another weight.

In: a weight and what the other side has in its place, both in a format that hides the rounding
(float16 weights that are computed with in float32). Out: the name of the format, such as `float16`
or `8 bits per channel`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, log2

import ml_dtypes
import numpy as np

from auscult.explain.algebra.nearness import relative_error
from auscult.weights import Array

CAST_FORMATS = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
"""Floating formats, the finest first: the first that gives every value is the one."""
LARGEST_FLOAT8 = {"float8_e4m3fn": 448.0, "float8_e5m2": 57344.0}
"""The value that a scale maps the largest weight to."""
MAX_SCALE_ERROR = 1e-6
"""Relative error of float8 values times their scale, which is rounded to float32.

Chosen, not measured.
"""
GROUP_SIZES = (256, 128, 64, 32, 16)
"""Weights in a row that share a scale: those of GGUF, MLX, GPTQ and bitsandbytes."""
VALUE_SLACKS = {"bfloat16": 2.0**-7, "float16": 2.0**-10}
"""Spacing of the numbers next to 1."""
MIN_GROUP_VALUES = 16
"""Values that a group needs before lying on a grid says anything.

Chosen, not measured.
"""
MAX_BITS = 8
"""Widest grid that is looked for.

Chosen, not measured.
"""
FEW_GROUP_VALUES = 64
"""Values of a group up to which the usual rounding is tried where no grid is seen: so few leave most of 256 levels out, and the
smallest gap between two of them may span many steps.

Chosen, not measured.
"""
MIN_USUAL_BITS = 3
"""Fewest bits of the usual rounding that are looked for in groups of few values.

Chosen, not measured.
"""
MAX_ROUNDING_ERROR = 0.6
"""Relative error of a rounded weight: 2 bits with a scale for 128 values give about 0.5. A weight that
was drawn anew is about 1.4 off.

Chosen, not measured.
"""
MAX_GRID_MISFIT = 0.02
"""How far a value may lie from the grid, in steps: the grid was computed in float32, or its scale in
float16.

Chosen, not measured.
"""
MAX_WRITTEN_MISFIT = 0.2
"""The same at most where the values themselves were written in a format of 16 bits.

Chosen, not measured.
"""
MAX_GAP_STEPS = 4
"""Steps that the smallest gap of a group may span: 32 values do not use all of 256 levels.

Chosen, not measured.
"""
SCREENED_GROUPS, SCREENED_VALUES = 32, 4096
"""Groups, and values of each, that are looked at before all of them are.

Chosen, not measured.
"""
MAX_STEPS_OFF = 0.52
"""How far the exact weight may lie from its grid point, in steps; rounding to the nearest gives 0.5.

Chosen, not measured.
"""
MAX_CLIPPED_SHARE = 0.02
"""Share of the weights that may lie further off: a scale that is chosen for least error clips some.

Chosen, not measured.
"""


def name_rounding_format(exact: Array, rounded: Array) -> str | None:
    """The format through which `rounded` went on its way from `exact`; None if it is another weight.

    Args:
        exact, rounded: One weight on both sides, in the same order of axes, of one shape.
    """
    if exact.shape != rounded.shape or not exact.size or not np.isfinite(rounded).all():
        return None
    exact, rounded = exact.astype(np.float32), rounded.astype(np.float32)
    for name in CAST_FORMATS:
        if np.array_equal(cast_to_format(exact, name), rounded):
            return name
    if relative_error(rounded, exact) > MAX_ROUNDING_ERROR:
        return None
    return _name_scaled_float8(exact, rounded) or _name_grid(exact, rounded)


def cast_to_format(array: Array, name: str) -> Array:
    """The values rounded to a floating format, in float32."""
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    with np.errstate(over="ignore"):  # a weight beyond the format is infinite there
        cast: Array = array.astype(dtype).astype(np.float32)
    return cast


def _name_scaled_float8(exact: Array, rounded: Array) -> str | None:
    """float8 with one scale for the tensor, or for each channel, that maps the largest to the end."""
    axes_by_name: list[tuple[str, tuple[int, ...]]] = [("tensor", tuple(range(exact.ndim)))]
    if exact.ndim > 1:
        axes_by_name += [
            ("channel", tuple(axis for axis in range(exact.ndim) if axis != kept))
            for kept in range(exact.ndim)
        ]
    for (part, axes), name in ((scope, name) for scope in axes_by_name for name in LARGEST_FLOAT8):
        scale = np.abs(exact).max(axes, keepdims=True) / LARGEST_FLOAT8[name]
        scale = np.broadcast_to(np.where(scale > 0, scale, 1.0), exact.shape)
        for values in (slice(0, SCREENED_VALUES), slice(None)):
            scaled, factors = exact.ravel()[values], scale.ravel()[values]
            written = cast_to_format(scaled / factors, name) * factors
            if relative_error(written, rounded.ravel()[values]) > MAX_SCALE_ERROR:
                break
        else:
            return f"{name} with a scale per {part}"
    return None


def _name_grid(exact: Array, rounded: Array) -> str | None:
    """Equal steps in the whole tensor, in each channel or in each group of weights in a row.

    One value throughout is no grid: it is what a constructor leaves, the ones of a norm that was never loaded.
    """
    if (rounded == rounded.flat[0]).all():
        return None
    slack = _find_value_slack(rounded)
    for part, exact_groups, rounded_groups in _iter_groupings(exact, rounded):
        if rounded_groups.shape[1] < MIN_GROUP_VALUES:
            bits = _find_usual_bits(exact_groups, rounded_groups)
            if bits is not None:
                return f"{bits} bits per {part}"
            continue
        sample = np.linspace(0, len(exact_groups) - 1, min(len(exact_groups), SCREENED_GROUPS))
        rows = sample.astype(np.intp)
        columns = slice(0, SCREENED_VALUES)
        screened = exact_groups[rows, columns], rounded_groups[rows, columns]
        bits = None
        if _count_grid_bits(*screened, slack) is not None:
            bits = _count_grid_bits(exact_groups, rounded_groups, slack)
        if bits is None and rounded_groups.shape[1] <= FEW_GROUP_VALUES:
            bits = _find_usual_bits(exact_groups, rounded_groups)
        if bits is not None:
            return f"{bits} bits per {part}"
    return None


def _find_usual_bits(exact: Array, rounded: Array) -> int | None:
    """Bits of the usual rounding, up to the largest magnitude of each group [values], where it gives exactly these values.

    A few values lie on some grid by chance; on the one that the exact weight prescribes they do not. The largest magnitude is
    the last step to both sides, the last but one of them, or lies between the two, as libraries have it.
    """
    largest = np.abs(exact).max(axis=1, keepdims=True)
    for bits in range(MAX_BITS, MIN_USUAL_BITS - 1, -1):
        for levels in (2 ** (bits - 1) - 1, 2 ** (bits - 1) - 0.5, 2 ** (bits - 1)):
            step = np.where(largest > 0, largest, 1.0) / levels
            written = (
                np.clip(np.round(exact / step), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * step
            )
            if relative_error(written, rounded) <= MAX_SCALE_ERROR:
                return bits
    return None


def _find_value_slack(rounded: Array) -> float:
    """Relative error of the values themselves: a grid may have been written in float16."""
    for name, slack in VALUE_SLACKS.items():
        if np.array_equal(cast_to_format(rounded, name), rounded):
            return slack
    return 0.0


def _iter_groupings(exact: Array, rounded: Array) -> Iterator[tuple[str, Array, Array]]:
    """What shares a scale: name, and both tensors as [groups, values]."""
    yield "tensor", exact.reshape(1, -1), rounded.reshape(1, -1)
    if exact.ndim < 2:
        return
    for axis in range(exact.ndim):
        turned = [np.moveaxis(array, axis, 0) for array in (exact, rounded)]
        if turned[0].shape[0] > 1:
            length = turned[0].shape[0]
            yield "channel", turned[0].reshape(length, -1), turned[1].reshape(length, -1)
    for axis in dict.fromkeys((exact.ndim - 1, 1, 0)):
        turned = [np.moveaxis(array, axis, -1) for array in (exact, rounded)]
        for size in GROUP_SIZES:
            if exact.size % size == 0:
                part = f"group of {size}"
                yield part, turned[0].reshape(-1, size), turned[1].reshape(-1, size)


def _count_grid_bits(exact: Array, rounded: Array, slack: float) -> int | None:
    """Bits that the steps of the widest group need; None if some group [values] is on no grid."""
    values = rounded.astype(np.float64) - rounded.min(axis=1, keepdims=True)
    magnitude = np.abs(rounded).max(axis=1, keepdims=True).astype(np.float64)
    smallest_gap = _find_smallest_gap(values, magnitude * max(slack, 1e-6))
    for divisor in range(1, MAX_GAP_STEPS + 1):
        step = _refine_step(values, smallest_gap / divisor)
        steps = values / step
        misfit = np.abs(steps - np.round(steps))
        limit = np.minimum(MAX_GRID_MISFIT + slack * magnitude / step, MAX_WRITTEN_MISFIT)
        on_grid = (misfit <= limit).all(axis=1) & (steps.max(axis=1) < 2**MAX_BITS)
        if divisor == 1:
            is_settled, best_step, best_steps = on_grid, step, steps.max(axis=1)
        else:
            is_new = on_grid & ~is_settled
            best_step = np.where(is_new[:, None], step, best_step)
            best_steps = np.where(is_new, steps.max(axis=1), best_steps)
            is_settled = is_settled | on_grid
        if is_settled.all():
            break
    steps_off = (np.abs(exact - rounded) - 2 * slack * np.abs(rounded)) / best_step
    if not is_settled.all() or np.mean(steps_off > MAX_STEPS_OFF) > MAX_CLIPPED_SHARE:
        return None
    return max(1, ceil(log2(round(float(best_steps.max())) + 1)))


def _find_smallest_gap(values: Array, equal_below: Array) -> Array:
    """The smallest gap between two values of each group that are not the same [groups, 1]; 1 where
    all are the same.
    """
    gaps = np.diff(np.sort(values, axis=1), axis=1)
    smallest: Array = np.where(gaps > equal_below, gaps, np.inf).min(axis=1, keepdims=True)
    return np.where(np.isfinite(smallest), smallest, 1.0)


def _refine_step(values: Array, step: Array) -> Array:
    """The step that fits best, from the small values to the large: a gap between two values is too
    coarse a measure for 255 steps.
    """
    for bits in range(1, MAX_BITS + 1):
        counts = np.round(values / step)
        counts = np.where(counts <= 2**bits, counts, 0.0)
        energy = np.sum(counts**2, axis=1, keepdims=True)
        fitted = np.sum(counts * values, axis=1, keepdims=True) / np.maximum(energy, 1.0)
        step = np.where(energy > 0, fitted, step)
    return step
