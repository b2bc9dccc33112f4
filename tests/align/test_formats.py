from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from auscult.align.formats import (
    find_block_grid,
    find_integer_grid,
    find_narrow_format,
    get_float_format,
    get_tensor_format,
)
from auscult.align.moves import sample_places
from auscult.weights import InMemoryData, Quantization, Tensor


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float32"])
def test_rounding_to_nearest_stays_within_one_unit(name: str, rng: np.random.Generator) -> None:
    kind = np.dtype(getattr(ml_dtypes, name, name))
    values = (rng.standard_normal(5000) * np.exp(rng.uniform(-12, 3, 5000))).astype(np.float64)
    kept = values.astype(kind).astype(np.float64)
    form = get_float_format(name)
    assert bool((np.abs(kept - values) <= form.eps * np.abs(values) + form.tiny).all())


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_wide_values_tell_what_they_were_rounded_to(name: str, rng: np.random.Generator) -> None:
    kind: Any = np.dtype(getattr(ml_dtypes, name, name))
    values = rng.standard_normal((40, 30)).astype(kind).astype(np.float32)
    found = find_narrow_format(values, values[sample_places(values.shape)])
    assert found is not None
    assert found.name == name


def test_few_values_are_no_evidence_of_rounding() -> None:
    ones = np.ones((40, 30), np.float32)
    assert find_narrow_format(ones, ones[sample_places(ones.shape)]) is None
    found = find_narrow_format(ones, ones[sample_places(ones.shape)], frozenset({"bfloat16"}))
    assert found is not None
    assert found.name == "bfloat16"
    assert find_integer_grid(ones, ones[sample_places(ones.shape)]) is None


@pytest.mark.parametrize("rows", [1, 6])
def test_a_zero_point_shifts_the_grid(rows: int, rng: np.random.Generator) -> None:
    stored, scale = rng.integers(0, 256, (rows, 400)), np.float32(0.037)
    values = ((stored - 31) * scale).astype(np.float32)
    found = find_integer_grid(values, values[sample_places(values.shape)])
    assert found is not None
    assert found.step is not None
    assert np.allclose(found.step, scale, rtol=1e-4)


def test_full_precision_is_no_narrower(rng: np.random.Generator) -> None:
    values = rng.standard_normal((40, 30)).astype(np.float32)
    assert find_narrow_format(values, values[sample_places(values.shape)]) is None
    assert find_integer_grid(values, values[sample_places(values.shape)]) is None


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_a_dequantised_tensor_lies_on_a_grid(axis: int | None, rng: np.random.Generator) -> None:
    values = rng.standard_normal((12, 30)).astype(np.float32)
    peak = np.abs(values).max(axis=None if axis is None else 1 - axis, keepdims=True)
    scale = peak / np.float32(127)
    rounded = (np.rint(values / scale) * scale).astype(np.float32)
    found = find_integer_grid(rounded, rounded[sample_places(rounded.shape)])
    assert found is not None
    assert found.step is not None
    assert np.allclose(found.step, scale, rtol=1e-5)


def test_a_stored_scale_is_the_step(rng: np.random.Generator) -> None:
    stored = rng.integers(-127, 128, (4, 6)).astype(np.int8)
    scale = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    affine = Quantization(scale, np.zeros(1), axis=0)
    tensor = Tensor(
        "w", stored.shape, "int8", InMemoryData(stored), stored.nbytes, quantization=affine
    )
    found = get_tensor_format(tensor, tensor.values())
    assert found.name == "int8"
    assert found.step is not None
    assert found.step.shape == (4, 1)


def test_a_small_tensor_needs_others_that_were_rounded_alike(rng: np.random.Generator) -> None:
    values = rng.standard_normal((2, 2, 3)).astype(np.float32)
    scale = np.abs(values).max((1, 2), keepdims=True) / 127
    rounded = (np.round(values / scale) * scale).astype(np.float32)
    rounded[1, 1, 2] = rounded[1, 1, 1]  # eleven different values
    assert find_integer_grid(rounded, rounded.reshape(-1)) is None
    assert find_integer_grid(rounded, rounded.reshape(-1), frozenset({"int8"})) is not None
    assert find_integer_grid(values, values.reshape(-1), frozenset({"int8"})) is None
    assert find_integer_grid(rounded[0, 0, :1], rounded[0, 0, :1], frozenset({"int8"})) is None


@pytest.mark.parametrize("levels", [16, 256])
@pytest.mark.parametrize("has_bias", [False, True])
def test_runs_of_dequantised_values_have_a_grid_each(
    levels: int, has_bias: bool, rng: np.random.Generator
) -> None:
    """ggml's Q8_0 and Q4_0 have a scale for 32 values, MLX and Q4_1 a bias as well."""
    values = rng.standard_normal((40, 64)).astype(np.float32)
    runs = values.reshape(-1, 32)
    if has_bias:
        low = runs.min(axis=1, keepdims=True)
        step = np.ptp(runs, axis=1, keepdims=True) / (levels - 1)
        dequantised = np.rint((runs - low) / step) * step + low
    else:
        step = np.abs(runs).max(axis=1, keepdims=True) / (levels // 2 - 1)
        dequantised = np.rint(runs / step) * step
    found = find_block_grid(dequantised.reshape(values.shape).astype(np.float32))
    assert found is not None
    assert found.step is not None
    least = step.reshape(-1).repeat(32).reshape(values.shape)
    assert bool((found.step > 0.99 * least).all())
    assert find_block_grid(values) is None
    broken = dequantised.reshape(values.shape).astype(np.float32)
    broken[17, 5] += 0.3137 * least[17, 5]
    assert find_block_grid(broken) is None
