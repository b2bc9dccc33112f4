"""Masks of several forms."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.comparison.measure.mask_forms import is_same_mask

CAUSAL = np.tril(np.ones((4, 4), np.bool_))
ADDED = np.where(CAUSAL, 0.0, -np.inf).astype(np.float32)
LOW = np.where(CAUSAL, 0.0, np.finfo(np.float32).min).astype(np.float32)


@pytest.mark.parametrize("other", [LOW, CAUSAL, ~CAUSAL])
def test_one_mask_in_two_forms(other: np.ndarray) -> None:
    assert is_same_mask(ADDED, other)
    assert is_same_mask(other, ADDED)


@pytest.mark.parametrize(
    "other", [LOW.T, CAUSAL.T, np.zeros_like(LOW), LOW * 1e-38, np.roll(LOW, 1, 1)]
)
def test_another_mask(other: np.ndarray) -> None:
    assert not is_same_mask(ADDED, other)


def test_masks_of_one_form_are_compared_as_they_are() -> None:
    assert not is_same_mask(CAUSAL, ~CAUSAL)
    assert not is_same_mask(np.zeros(3, np.float32), np.zeros(3, np.float32))
