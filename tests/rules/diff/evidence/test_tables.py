"""Tables that a formula gives are told from trained values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.rules.diff.evidence.tables import is_computed_table, is_quantised_table
from auscult.weights import Tensor

POSITIONS = np.arange(200, dtype=np.float32)
ANGLES = POSITIONS[:, None] * (10000.0 ** -(np.arange(16) / 16)).astype(np.float32)


@pytest.mark.parametrize(
    "values",
    [
        np.sin(ANGLES),
        np.cos(ANGLES).T[None],
        np.sin(ANGLES).astype(np.float16),
        np.hanning(512).astype(np.float32),
        np.hamming(48).astype(np.float64),
        np.linspace(-1, 1, 33, dtype=np.float32),
        np.triu(np.full((20, 20), -np.inf, np.float32), 1),
        np.eye(12, dtype=np.float32),
    ],
)
def test_tables_of_code(values: Any) -> None:
    assert is_computed_table(values)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("shape", [(8,), (9, 9), (64,), (40, 3)])
def test_trained_values(shape: tuple[int, ...], dtype: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape)
    for trained in (values, np.sort(values, axis=0), np.cumsum(values, axis=0)):
        assert not is_computed_table(trained.astype(dtype))


def test_a_window_with_a_changed_value_is_no_window() -> None:
    window = np.hanning(512).astype(np.float32)
    window[100] += 1e-3
    assert not is_computed_table(window)


def test_a_windowed_sine_has_two_frequencies_and_is_not_recognised() -> None:
    assert not is_computed_table((np.hanning(64) * np.sin(np.arange(64.0))).astype(np.float32))


def quantise(values: Any) -> Tensor:
    return Tensor.of("x", np.rint(values / np.abs(values).max() * 127).astype(np.int8))


@pytest.mark.parametrize(
    "values",
    [np.sin(ANGLES), np.hanning(64), np.linspace(-1, 1, 33), np.triu(np.ones((12, 12)))],
)
def test_quantised_tables_of_code(values: Any) -> None:
    assert is_quantised_table(quantise(values))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", [(10,), (12, 32), (64,)])
def test_quantised_trained_values(shape: tuple[int, ...], seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=shape)
    for trained in (values, np.sort(values, axis=0), np.cumsum(values, axis=0)):
        assert not is_quantised_table(quantise(trained))
