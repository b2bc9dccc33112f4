"""The step of a quantised weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.runtime.quantised_weights import get_step, keep_rounded
from auscult.weights import Checkpoint, Quantization, Tensor


def make_tensor(scale: list[float], axis: int | None) -> Tensor:
    tensor = Checkpoint.of({"weight": np.ones((2, 3), np.int8)}, "model")["weight"]
    quantization = Quantization(np.array(scale, np.float32), np.zeros(1, np.int32), axis)
    return replace(tensor, quantization=quantization)


def test_one_step_for_a_tensor_and_one_for_each_row() -> None:
    assert get_step(make_tensor([0.5], None)).shape == (1, 1)
    assert get_step(make_tensor([0.5, 0.25], 0)).tolist() == [[0.5], [0.25]]


def test_rounded_values_are_kept_as_they_are() -> None:
    values = np.ones((2, 3), np.float32)
    assert keep_rounded("weight", values, values) is values
