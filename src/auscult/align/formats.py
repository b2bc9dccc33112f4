"""Number formats as tolerances: how far a value may move when it is stored in one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy as np

from auscult.checkpoint.ggml_errors import BLOCK_ERRORS, MARGIN
from auscult.checkpoint.quantised.coded import CodedWeight
from auscult.checkpoint.source import ML_DTYPES, dtype_of
from auscult.weights import Array, Shape, Tensor

COARSE_FLOATS = ("float8_e5m2", "float8_e4m3fn", "bfloat16", "float16")  # coarsest first
GRID_LEVELS = 256
MIN_DISTINCT = 12  # different values in a sample of 128
MIN_TRUSTED_DISTINCT = 6  # where other tensors of the pair were rounded alike: each is a multiple by chance once in 500
MIN_ROW = 8
MIN_TRUSTED_ROW = 3
FIRST_ROW_COUNT = 4  # looked at before all
ROW_SAMPLE_SIZE = 4096
FIRST_VALUE_COUNT = 2 * GRID_LEVELS  # looked at before a row's sample
MAX_MULTIPLE_ERROR = 1e-3  # of a step: float32 rounding of level times scale, at most 256 levels
BLOCK_LENGTHS = (32, 64, 128)  # of ggml's simple types, of MLX, of GPTQ and AWQ
MIN_BLOCKS = 4  # looked at before all; fewer say too little
BLOCK_MARGIN = 2.2  # of half a step: MLX moves a scale so that one end is met, up to a step at the other; and float16 scales
MAX_BLOCK_RMS = 0.4  # of that bound; rounding alone gives 0.26
MAX_RUN_LEVELS = (
    256  # of 8 bits; in a run of unrounded values the least gap goes into the span far more often
)
MAX_GAP_STEPS = 4  # the least gap of a run of 32 values in 8 bits is a few steps now and then
SAME_LEVEL = (
    1e-6  # share of a run's peak by which one level differs from itself, computed in float32
)
MAX_RUN_ERROR = (
    0.02  # of a step: a float32 product and sum against a step that is a thirtieth of the run
)


@dataclass(frozen=True)
class NumberFormat:
    """A number format: `eps` is one unit in the last place of 1.0, `tiny` the smallest step near 0 of a float format.

    Attributes:
        step: Distance between neighbouring values of an integer format, to be broadcast over the tensor; None for floats.
        rms_share: Largest rms error as a share of half a step, where the format is known well enough to say so: an
            error within bounds that are wide must also be as small on average as rounding is.
    """

    name: str
    eps: float = 0.0
    tiny: float = 0.0
    step: Array | None = None
    rms_share: float | None = None

    @property
    def coarseness(self) -> float:
        if self.step is not None:
            return 1.0
        return self.eps


@lru_cache(maxsize=64)
def get_dtype_name(dtype: np.dtype[Any]) -> str:
    """`dtype.name`, which numpy works out anew each time."""
    return dtype.name


@lru_cache(maxsize=64)
def get_float_format(name: str) -> NumberFormat:
    """The format of a float (or complex) dtype; other dtypes hold their values exactly."""
    dtype = dtype_of(name)
    if dtype.kind == "c":
        dtype = np.dtype(f"f{dtype.itemsize // 2}")
    if dtype.kind != "f" and dtype.name not in ML_DTYPES:
        return NumberFormat(name)
    if dtype.name in {"int4", "uint4"}:
        return NumberFormat(name)
    finfo: Any = ml_dtypes.finfo
    limits = finfo(dtype)
    return NumberFormat(name, float(limits.eps), float(limits.smallest_subnormal))


def get_tensor_format(tensor: Tensor, values: Array) -> NumberFormat:
    """The format in which the file keeps that tensor, whose real values are given."""
    if tensor.quantization is not None:
        scale = np.asarray(tensor.quantization.scale, np.float32).reshape(-1)
        axis = tensor.quantization.axis
        if axis is not None and scale.size > 1:
            scale_shape = [1] * values.ndim
            scale_shape[axis] = -1
            return NumberFormat(tensor.dtype, step=np.abs(scale.reshape(scale_shape)))
        return NumberFormat(tensor.dtype, step=np.abs(scale.reshape([1] * values.ndim)))
    if tensor.dtype in BLOCK_ERRORS:
        return make_block_format(tensor.dtype, values)
    if isinstance(tensor.data, CodedWeight):
        return NumberFormat(
            tensor.dtype, step=2 * tensor.data.bounds(), rms_share=tensor.data.rms_share
        )
    return get_float_format(get_dtype_name(values.dtype))


def make_block_format(block_type: str, values: Array) -> NumberFormat:
    """ggml's blocks: an error is a share of the largest magnitude in a run of values."""
    errors = BLOCK_ERRORS[block_type]
    run = errors.run if values.size % errors.run == 0 else max(values.size, 1)
    peaks = np.abs(values.reshape(-1, run)).max(axis=1)
    bounds = np.repeat(peaks * (errors.peak * MARGIN), run).reshape(values.shape)
    return NumberFormat(
        block_type, step=2 * bounds.astype(np.float32), rms_share=errors.rms / errors.peak
    )


def has_distinct_values(sample: Array, min_distinct: int = MIN_DISTINCT) -> bool:
    """Whether there are enough different values for their roundness to be evidence of rounding: 1.0 is round in any format."""
    return len(np.unique(sample)) >= min_distinct


def find_narrow_format(
    values: Array, sample: Array, trusted: frozenset[str] = frozenset()
) -> NumberFormat | None:
    """The coarsest float format that holds every value: what a wide tensor was once rounded to, if anything.

    Args:
        sample: Some of the values, to say no quickly.
        trusted: Formats that other tensors of the pair of files were found in; enough where the values say too little.
    """
    if values.dtype.kind != "f" or values.dtype.itemsize < 4:
        return None
    has_enough_values = has_distinct_values(sample)
    for name in COARSE_FLOATS:
        if (
            (has_enough_values or name in trusted)
            and _is_representable(sample, name)
            and _is_representable(values, name)
        ):
            return get_float_format(name)
    return None


def _is_representable(values: Array, name: str) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(
            np.array_equal(
                values.astype(dtype_of(name)).astype(values.dtype), values, equal_nan=True
            )
        )


def find_integer_grid(
    values: Array, sample: Array, trusted: frozenset[str] = frozenset()
) -> NumberFormat | None:
    """The integer format whose dequantised values these are: one scale for all, or one for each index of an axis.

    A slice lies on a grid if its values are whole multiples of one step: of a 127th or a 7th of its largest value where the
    quantisation was symmetric, of the least difference between two of at most 256 values where it was not.

    Args:
        trusted: Formats that other tensors of the pair of files were found in; with int8 among them, short rows count too.
    """
    if "int8" in trusted:
        min_row, min_distinct = (MIN_TRUSTED_ROW, MIN_TRUSTED_DISTINCT)
    else:
        min_row, min_distinct = (MIN_ROW, MIN_DISTINCT)
    if (
        values.dtype.kind != "f"
        or values.ndim == 0
        or not has_distinct_values(sample, min_distinct)
        or not np.isfinite(sample).all()
    ):
        return None
    for axis in (None, 0, values.ndim - 1):
        lines = values.reshape(1, -1) if axis is None else np.moveaxis(values, axis, 0)
        if (axis is None or values.size // values.shape[axis] >= min_row) and _has_few_levels(
            lines[0]
        ):
            steps = _find_symmetric_steps(lines)
            steps = _find_asymmetric_steps(lines) if steps is None else steps
            if steps is not None:
                shape: Shape = tuple(
                    len(lines) if index == axis else 1 for index in range(values.ndim)
                )
                return NumberFormat("int8", step=steps.astype(np.float32).reshape(shape))
    return None


def find_block_grid(values: Array) -> NumberFormat | None:
    """The grid of values that were dequantised in runs of the last axis, as ggml's and MLX's are: one scale for each run."""
    if values.dtype.kind != "f" or values.ndim < 2:
        return None
    for length in BLOCK_LENGTHS:
        if values.shape[-1] % length or values.size < MIN_BLOCKS * length:
            continue
        runs = values.reshape(-1, length)
        if not np.isfinite(runs[:MIN_BLOCKS]).all():
            return None
        for find_steps in (_find_symmetric_steps, _find_run_steps):
            if find_steps(runs[:MIN_BLOCKS]) is not None:
                steps = find_steps(runs)
                if steps is not None:
                    spread = np.repeat(steps.astype(np.float32), length).reshape(values.shape)
                    return NumberFormat(
                        "blocks of integers", step=spread * BLOCK_MARGIN, rms_share=MAX_BLOCK_RMS
                    )
    return None


def _find_run_steps(runs: Array) -> Array | None:
    """The step of each run [runs, length], of which all its values are at most `MAX_RUN_LEVELS` multiples."""
    levels = np.sort(runs.astype(np.float64), axis=1)
    gaps = np.diff(levels, axis=1)
    peaks = np.abs(levels).max(axis=1, keepdims=True)
    is_gap = gaps > SAME_LEVEL * peaks
    least = np.where(is_gap, gaps, np.inf).min(axis=1, keepdims=True)
    spans = levels[:, -1:] - levels[:, :1]
    steps = np.full(len(runs), np.nan)
    for part in range(1, MAX_GAP_STEPS + 1):
        is_open = np.isnan(steps)
        found = _fit_steps(levels[is_open], spans[is_open], least[is_open] / part)
        steps[is_open] = found
    if np.isnan(steps).any():
        return None
    return steps


def _fit_steps(levels: Array, spans: Array, least: Array) -> Array:
    """Per run: the step near `least` of which all levels are whole multiples from the lowest on; NaN where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        counts = np.rint(spans / least)
        steps = np.where(np.isfinite(least) & (counts > 0), spans / counts, 0)
        multiples = np.where(steps > 0, (levels - levels[:, :1]) / steps, 0)
    errors = np.abs(multiples - np.rint(multiples)).max(axis=1)
    is_fitting = (errors <= MAX_RUN_ERROR) & (multiples.max(axis=1) < MAX_RUN_LEVELS)
    return np.where(is_fitting, steps[:, 0], np.nan)


def _has_few_levels(line: Array) -> bool:
    row = line.reshape(-1)
    return all(
        len(np.unique(row[:count])) <= GRID_LEVELS
        for count in (FIRST_VALUE_COUNT, ROW_SAMPLE_SIZE)  # the few say no for nearly all
    )


def _find_symmetric_steps(lines: Array) -> Array | None:
    """The step of each index of the first axis, a fixed part of its largest value."""
    first_rows = _flatten_rows(lines[:FIRST_ROW_COUNT])
    for divisor in (127, 7, 128, 8, 16):
        if _has_whole_multiples(first_rows, _find_row_peaks(first_rows) / np.float32(divisor)):
            rows = _flatten_rows(lines)
            steps = _find_row_peaks(rows) / np.float32(divisor)
            starts = range(0, rows.shape[1], ROW_SAMPLE_SIZE)
            if all(
                _has_whole_multiples(rows[:, start : start + ROW_SAMPLE_SIZE], steps)
                for start in starts
            ):
                return np.asarray(steps[:, 0])
    return None


def _flatten_rows(lines: Array) -> Array:
    return lines.reshape(len(lines), -1)


def _find_row_peaks(rows: Array) -> Array:
    return np.asarray(np.abs(rows).max(axis=1, keepdims=True))


def _has_whole_multiples(rows: Array, steps: Array) -> bool:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        multiples = np.where(steps > 0, rows / steps, 0)
    return bool((np.abs(multiples - np.rint(multiples)) <= MAX_MULTIPLE_ERROR).all())


def _find_asymmetric_steps(lines: Array) -> Array | None:
    """The step of each index of the first axis, the least difference between its values."""
    steps = np.empty(len(lines))
    for index, line in enumerate(lines):
        row = line.reshape(-1)
        levels = np.unique(row[:ROW_SAMPLE_SIZE]).astype(np.float64)
        if len(levels) > GRID_LEVELS:
            return None
        if row.size > ROW_SAMPLE_SIZE:
            levels = np.unique(row).astype(np.float64)
        if not 3 <= len(levels) <= GRID_LEVELS:
            return None
        span, least_gap = np.ptp(levels), np.diff(levels).min()
        steps[index] = step = float(
            span / np.rint(span / least_gap)
        )  # one difference has more rounding than all together
        multiples = levels / step
        if np.ptp(multiples) >= GRID_LEVELS or bool(
            (np.abs(multiples - np.rint(multiples)) > MAX_MULTIPLE_ERROR).any()
        ):
            return None
    return steps
