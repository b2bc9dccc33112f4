"""Number formats as tolerances: how far a value may move when it is stored in one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy as np

from auscult.checkpoint.mlx_quantized import Packed
from auscult.checkpoint.source import ML_DTYPES, dtype_of
from auscult.weights import Array, Shape, Tensor

GGML_BLOCK = 32
_GGML_LEVELS = {"q8_0": 255, "q8_1": 255, "q5_0": 31, "q5_1": 31, "q4_0": 15, "q4_1": 15}
COARSE = ("float8_e5m2", "float8_e4m3fn", "bfloat16", "float16")  # coarsest first
GRID_LEVELS = 256
MIN_DISTINCT = 12  # different values in a sample of 128
MIN_TRUSTED_DISTINCT = 6  # where other tensors of the pair were rounded alike: each is a multiple by chance once in 500
MIN_ROW = 8
MIN_TRUSTED_ROW = 3
FIRST_ROWS = 4  # looked at before all
SAMPLE_OF_ROW = 4096
ROUNDING_OF_MULTIPLES = 1e-3  # of a step: float32 rounding of level times scale, at most 256 levels


@dataclass(frozen=True)
class Format:
    """A number format: `eps` is one unit in the last place of 1.0, `tiny` the smallest step near 0 of a float format.

    Attributes:
        step: Distance between neighbouring values of an integer format, to be broadcast over the tensor; None for floats.
    """

    name: str
    eps: float = 0.0
    tiny: float = 0.0
    step: Array | None = None

    @property
    def coarseness(self) -> float:
        return 1.0 if self.step is not None else self.eps


@lru_cache(maxsize=64)
def name_of(kind: np.dtype[Any]) -> str:
    """`dtype.name`, which numpy works out anew each time."""
    return kind.name


@lru_cache(maxsize=64)
def float_format(name: str) -> Format:
    """The format of a float (or complex) dtype; other dtypes hold their values exactly."""
    kind = dtype_of(name)
    if kind.kind == "c":
        kind = np.dtype(f"f{kind.itemsize // 2}")
    if kind.kind != "f" and kind.name not in ML_DTYPES:
        return Format(name)
    if kind.name in {"int4", "uint4"}:
        return Format(name)
    finfo: Any = ml_dtypes.finfo
    info = finfo(kind)
    return Format(name, float(info.eps), float(info.smallest_subnormal))


def format_of(tensor: Tensor, values: Array) -> Format:
    """The format in which the file keeps that tensor, whose real values are given."""
    if tensor.quantization is not None:
        scale = np.asarray(tensor.quantization.scale, np.float32).reshape(-1)
        axis = tensor.quantization.axis
        if axis is not None and scale.size > 1:
            side = [1] * values.ndim
            side[axis] = -1
            return Format(tensor.dtype, step=np.abs(scale.reshape(side)))
        return Format(tensor.dtype, step=np.abs(scale.reshape([1] * values.ndim)))
    if tensor.dtype in _GGML_LEVELS:
        return Format(tensor.dtype, step=_block_steps(values, _GGML_LEVELS[tensor.dtype]))
    if isinstance(tensor.data, Packed):
        return Format(tensor.dtype, step=2 * tensor.data.steps())
    return float_format(name_of(values.dtype))


def _block_steps(values: Array, levels: int) -> Array:
    """Two half steps of each run of 32 values: ggml scales each block by its own extreme, kept as float16."""
    runs = (
        np.abs(values.reshape(-1, GGML_BLOCK)).max(axis=1)
        if values.size % GGML_BLOCK == 0
        else np.abs(values).max()[None]
    )
    steps = 2 * runs * (2 / levels if levels < GRID_LEVELS - 1 else 1 / 127)
    whole = np.repeat(steps, values.size // max(len(steps), 1)).reshape(values.shape)
    return np.asarray(whole, np.float32)


def tells(sample: Array, least: int = MIN_DISTINCT) -> bool:
    """Whether there are enough different values for their roundness to be evidence of rounding: 1.0 is round in any format."""
    return len(np.unique(sample)) >= least


def narrower(values: Array, sample: Array, trusted: frozenset[str] = frozenset()) -> Format | None:
    """The coarsest float format that holds every value: what a wide tensor was once rounded to, if anything.

    Args:
        sample: Some of the values, to say no quickly.
        trusted: Formats that other tensors of the pair of files were found in; enough where the values say too little.
    """
    if values.dtype.kind != "f" or values.dtype.itemsize < 4:
        return None
    enough = tells(sample)
    for name in COARSE:
        if (enough or name in trusted) and _held(sample, name) and _held(values, name):
            return float_format(name)
    return None


def _held(values: Array, name: str) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(
            np.array_equal(
                values.astype(dtype_of(name)).astype(values.dtype), values, equal_nan=True
            )
        )


def grid(values: Array, sample: Array, trusted: frozenset[str] = frozenset()) -> Format | None:
    """The integer format whose dequantised values these are: one scale for all, or one for each index of an axis.

    A slice lies on a grid if its values are whole multiples of one step: of a 127th or a 7th of its largest value where the
    quantisation was symmetric, of the least difference between two of at most 256 values where it was not.

    Args:
        trusted: Formats that other tensors of the pair of files were found in; with int8 among them, short rows count too.
    """
    shortest, least = (
        (MIN_TRUSTED_ROW, MIN_TRUSTED_DISTINCT) if "int8" in trusted else (MIN_ROW, MIN_DISTINCT)
    )
    if (
        values.dtype.kind != "f"
        or values.ndim == 0
        or not tells(sample, least)
        or not np.isfinite(sample).all()
    ):
        return None
    for axis in (None, 0, values.ndim - 1):
        lines = values.reshape(1, -1) if axis is None else np.moveaxis(values, axis, 0)
        if (axis is None or values.size // values.shape[axis] >= shortest) and _few(lines[0]):
            steps = _symmetric(lines)
            steps = _asymmetric(lines) if steps is None else steps
            if steps is not None:
                shape: Shape = tuple(
                    len(lines) if place == axis else 1 for place in range(values.ndim)
                )
                return Format("int8", step=steps.astype(np.float32).reshape(shape))
    return None


def _few(line: Array) -> bool:
    return len(np.unique(line.reshape(-1)[:SAMPLE_OF_ROW])) <= GRID_LEVELS


def _symmetric(lines: Array) -> Array | None:
    """The step of each index of the first axis, a fixed part of its largest value."""
    head = _rows(lines[:FIRST_ROWS])
    for parts in (127, 7, 128, 8):
        if _whole(head, _peaks(head) / np.float32(parts)):
            rows = _rows(lines)
            steps = _peaks(rows) / np.float32(parts)
            starts = range(0, rows.shape[1], SAMPLE_OF_ROW)
            if all(_whole(rows[:, start : start + SAMPLE_OF_ROW], steps) for start in starts):
                return np.asarray(steps[:, 0])
    return None


def _rows(lines: Array) -> Array:
    return lines.reshape(len(lines), -1)


def _peaks(rows: Array) -> Array:
    return np.asarray(np.abs(rows).max(axis=1, keepdims=True))


def _whole(rows: Array, steps: Array) -> bool:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        multiples = np.where(steps > 0, rows / steps, 0)
    return bool((np.abs(multiples - np.rint(multiples)) <= ROUNDING_OF_MULTIPLES).all())


def _asymmetric(lines: Array) -> Array | None:
    """The step of each index of the first axis, the least difference between its values."""
    steps = np.empty(len(lines))
    for index, line in enumerate(lines):
        row = line.reshape(-1)
        levels = np.unique(row[:SAMPLE_OF_ROW]).astype(np.float64)
        if len(levels) > GRID_LEVELS:
            return None
        levels = levels if row.size <= SAMPLE_OF_ROW else np.unique(row).astype(np.float64)
        if not 3 <= len(levels) <= GRID_LEVELS:
            return None
        span, least = np.ptp(levels), np.diff(levels).min()
        steps[index] = step = float(
            span / np.rint(span / least)
        )  # one difference has more rounding than all together
        whole = levels / step
        if np.ptp(whole) >= GRID_LEVELS or bool(
            (np.abs(whole - np.rint(whole)) > ROUNDING_OF_MULTIPLES).any()
        ):
            return None
    return steps
