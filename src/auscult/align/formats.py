"""Number formats as tolerances: how far a value may move when it is stored in one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy as np

from auscult.checkpoint.source import ML_DTYPES, dtype_of
from auscult.weights import Array, Shape, Tensor

GGML_BLOCK = 32
_GGML_LEVELS = {"q8_0": 255, "q8_1": 255, "q5_0": 31, "q5_1": 31, "q4_0": 15, "q4_1": 15}
COARSE = ("float8_e5m2", "float8_e4m3fn", "bfloat16", "float16")  # coarsest first
GRID_LEVELS = 256
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
    return float_format(name_of(values.dtype))


def _block_steps(values: Array, levels: int) -> Array:
    """Two half steps of each run of 32 values: ggml scales each block by its own extreme, kept as float16."""
    runs = np.abs(values.reshape(-1, GGML_BLOCK)).max(axis=1) if values.size % GGML_BLOCK == 0 else np.abs(values).max()[None]
    steps = 2 * runs * (2 / levels if levels < GRID_LEVELS - 1 else 1 / 127)
    whole = np.repeat(steps, values.size // max(len(steps), 1)).reshape(values.shape)
    return np.asarray(whole, np.float32)


def narrower(values: Array, sample: Array) -> Format | None:
    """The coarsest float format that holds every value: what a wide tensor was once rounded to, if anything.

    Args:
        sample: Some of the values, to say no quickly.
    """
    if values.dtype.kind != "f" or values.dtype.itemsize < 4:
        return None
    for name in COARSE:
        if _held(sample, name) and _held(values, name):
            return float_format(name)
    return None


def _held(values: Array, name: str) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.array_equal(values.astype(dtype_of(name)).astype(values.dtype), values, equal_nan=True))


def grid(values: Array) -> Format | None:
    """The integer format whose dequantised values these are: one scale for all, or one for each index of an axis.

    A slice lies on a grid if its values are whole multiples of one step and there are at most 256 of them.
    """
    if values.dtype.kind != "f" or values.ndim == 0 or values.size < 4:
        return None
    for axis in (None, 0, values.ndim - 1):
        steps = _steps(values, axis)
        if steps is not None:
            return Format("int8", step=steps)
    return None


def _steps(values: Array, axis: int | None) -> Array | None:
    rows = [values.reshape(-1)] if axis is None else list(np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1))
    if axis is not None and rows[0].size < 8:
        return None
    steps = np.empty(len(rows), np.float32)
    for index, row in enumerate(rows):
        step = _step(row)
        if step is None:
            return None
        steps[index] = step
    shape: Shape = tuple(len(rows) if place == axis else 1 for place in range(values.ndim))
    return steps.reshape(shape)


def _step(row: Array) -> float | None:
    """The step of which all values are whole multiples: a symmetric 8- or 4-bit one first, then the least difference."""
    if not _few(row[:4096]):
        return None
    levels = np.unique(row).astype(np.float64)
    peak = float(np.abs(levels).max())
    if peak == 0:
        return 0.0
    if len(levels) < 3 or len(levels) > GRID_LEVELS:
        return None
    for step in (peak / 127, peak / 7, peak / 128, peak / 8, float(np.diff(levels).min())):
        whole = levels / step
        if np.ptp(whole) < GRID_LEVELS and bool((np.abs(whole - np.rint(whole)) <= ROUNDING_OF_MULTIPLES).all()):
            return step
    return None


def _few(row: Array) -> bool:
    return bool(np.isfinite(row).all()) and len(np.unique(row)) <= GRID_LEVELS
