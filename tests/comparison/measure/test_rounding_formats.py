"""Which format a weight went through, and which weights went through none."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from auscult.comparison.measure.rounding_formats import cast_to_format, name_rounding_format
from auscult.weights import Array
from tests.hand_made import make_noise

WEIGHT = 0.1 * make_noise(64, 32, 3)
MATRIX = 0.02 * make_noise(96, 64)


def quantise(
    weight: Array, bits: int, *, kept: int | None = None, group: int | None = None
) -> Array:
    """Equal steps up to the largest magnitude, per tensor, channel or group."""
    parts = weight if group is None else weight.reshape(-1, group)
    kept = 0 if group is not None else kept
    axes = tuple(axis for axis in range(parts.ndim) if axis != kept)
    step = np.abs(parts).max(axes, keepdims=True) / (2 ** (bits - 1) - 1)
    rounded: Array = (np.round(parts / step) * step).astype(np.float32).reshape(weight.shape)
    return rounded


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_a_cast(name: str) -> None:
    assert name_rounding_format(WEIGHT, cast_to_format(WEIGHT, name)) == name


@pytest.mark.parametrize("bits", [8, 6, 4])
@pytest.mark.parametrize(
    ("part", "kept", "group"),
    [("tensor", None, None), ("channel", 0, None), ("channel", 1, None), ("group of 32", None, 32)],
)
def test_steps(bits: int, part: str, kept: int | None, group: int | None) -> None:
    rounded = quantise(MATRIX, bits, kept=kept, group=group)
    assert name_rounding_format(MATRIX, rounded) == f"{bits} bits per {part}"


def test_steps_written_in_float16() -> None:
    rounded = quantise(MATRIX, 4, group=32).astype(np.float16).astype(np.float32)
    assert name_rounding_format(MATRIX, rounded) == "4 bits per group of 32"


def test_float8_with_a_scale() -> None:
    scale = np.abs(MATRIX).max(1, keepdims=True) / 448
    rounded = (MATRIX / scale).astype(ml_dtypes.float8_e4m3fn).astype(np.float32) * scale
    assert name_rounding_format(MATRIX, rounded) == "float8_e4m3fn with a scale per channel"


@pytest.mark.parametrize(
    "other",
    [
        0.1 * make_noise(64, 32, 3, seed=1),
        WEIGHT * np.float32(1.01),
        WEIGHT + np.float32(1e-4) * make_noise(64, 32, 3, seed=2),
        quantise(0.1 * make_noise(64, 32, 3, seed=1), 8),
        np.zeros_like(WEIGHT),
        np.full_like(WEIGHT, np.nan),
    ],
    ids=["drawn anew", "scaled", "tuned", "rounded but another", "zeros", "not finite"],
)
def test_another_weight_is_not_rounded(other: Array) -> None:
    assert name_rounding_format(WEIGHT, other) is None


def test_channels_of_few_values() -> None:
    weight = 0.1 * make_noise(16, 1, 10)
    assert name_rounding_format(weight, quantise(weight, 8, kept=0)) == "8 bits per channel"
    assert name_rounding_format(weight, weight * np.float32(1.002)) is None


def test_few_values_lie_on_a_grid_by_chance() -> None:
    bias = make_noise(4)
    assert name_rounding_format(bias, bias + np.float32(0.01)) is None


def test_one_value_throughout_is_a_fresh_norm() -> None:
    weight = 1 + 0.05 * make_noise(32)
    assert name_rounding_format(weight, np.ones_like(weight)) is None
    assert name_rounding_format(weight, quantise(weight, 8)) is not None


def test_channels_of_sixteen_values_leave_most_levels_out() -> None:
    weight = 0.1 * make_noise(16, 16)
    assert name_rounding_format(weight, quantise(weight, 8, kept=0)) == "8 bits per channel"
    assert name_rounding_format(weight, weight * np.float32(1.002)) is None
