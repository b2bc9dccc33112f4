"""Weights rounded to a format of fewer bits, and the layers that cannot bear it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from auscult.errors import UsageError
from auscult.runtime.module_runner import ModuleRunner
from auscult.weights import Array

INT8_LEVELS = 127
"""Levels on either side of zero. Defined by eight bits with a sign."""
MIN_INT8_AXES = 2
"""Biases and norms stay as they are where weights become integers. Defined by how runtimes quantise."""
MADE_FROM = ("_g", "_v")
"""Ends of the names of what a weight is made of under weight norm."""


@dataclass(frozen=True)
class LayerLoss:
    """What rounding the weights of one module alone does to the output: a relative error."""

    path: str
    error: float


def round_array(array: Array, number_format: str) -> Array:
    """The values after a trip through the format: float16, bfloat16, or int8 with one scale for each output channel."""
    values = np.asarray(array, np.float32)
    with np.errstate(over="ignore"):
        if number_format == "float16":
            return values.astype(np.float16).astype(np.float32)
        if number_format == "bfloat16":
            return values.astype(ml_dtypes.bfloat16).astype(np.float32)
    if number_format != "int8":
        raise UsageError(
            "is no format that weights are rounded to here",
            where=number_format,
            expected="float16, bfloat16 or int8",
        )
    if values.ndim < MIN_INT8_AXES:
        return values
    axes = tuple(range(1, values.ndim))
    scale = np.abs(values).max(axis=axes, keepdims=True) / INT8_LEVELS
    scale = np.where(scale == 0, 1, scale)
    return np.round(values / scale).astype(np.float32) * scale


def collect_weights(runner: ModuleRunner) -> dict[str, dict[str, Array]]:
    """The floating weights of each module that owns any, as they are computed with: weight norm as its product."""
    collected: dict[str, dict[str, Array]] = {}
    for path in runner.paths():
        arrays = {
            name: np.array(array)
            for name, array in runner.weights(path).items()
            if array.dtype.kind in "fV" and not name.startswith("parametrizations.")
        }
        arrays = {name: array for name, array in arrays.items() if not _is_made_into(name, arrays)}
        if arrays:
            collected[path] = arrays
    return collected


def _is_made_into(name: str, arrays: Mapping[str, Array]) -> bool:
    return name.endswith(MADE_FROM) and name[:-2] in arrays


def round_weights(
    weights: Mapping[str, Mapping[str, Array]], number_format: str, paths: Iterable[str]
) -> dict[str, dict[str, Array]]:
    """Those modules' weights, rounded."""
    return {
        path: {name: round_array(array, number_format) for name, array in weights[path].items()}
        for path in paths
    }


def choose_kept_layers(
    losses: list[LayerLoss], max_error: float, measure: Callable[[list[str]], float]
) -> tuple[list[str], float]:
    """The fewest layers found that have to keep their weights for the output's error to stay within a bound.

    Errors of layers add up as squares, being independent; the first guess rests on that, and every guess is measured.

    Args:
        measure: The output's error with these layers kept.

    Returns:
        The layers, the one that loses most first, and the error with them kept.
    """
    ordered = sorted(losses, key=lambda loss: -loss.error)
    squares = [loss.error**2 if math.isfinite(loss.error) else math.inf for loss in ordered]
    count = next(
        number
        for number in range(len(ordered) + 1)
        if math.sqrt(sum(squares[number:])) <= max_error
    )
    while True:
        kept = [loss.path for loss in ordered[:count]]
        error = measure(kept)
        if error <= max_error or count >= len(ordered):
            return kept, error
        count = min(len(ordered), count + max(1, count // 4))
