"""8-bit weights are traced back to those that they were rounded from, and only to those."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from auscult.comparison.exact_weights import ExactWeights
from auscult.runtime.runner import make_runner
from auscult.weights import Array


class Folded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv1d(6, 10, 3), nn.BatchNorm1d(10)
        with torch.no_grad():
            self.norm.get_buffer("running_var").uniform_(0.3, 2)
        self.eval()


def round_to_8_bits(weight: Array) -> tuple[Array, Array]:
    step = np.abs(weight).max(keepdims=True) / 127
    return np.round(weight / step) * step, step


def test_a_weight_in_another_order_of_axes() -> None:
    model = Folded()
    weight = model.conv.weight.detach().numpy()
    exact_weights = ExactWeights(make_runner(model))
    rounded, step = round_to_8_bits(weight.transpose(0, 2, 1))
    restored = exact_weights.restore("conv", rounded, step)
    np.testing.assert_array_equal(restored, weight.transpose(0, 2, 1))
    assert exact_weights.restored == ["conv"]


def test_a_weight_with_a_batch_norm_folded_in() -> None:
    model = Folded()
    scale = model.norm.weight / torch.sqrt(model.norm.get_buffer("running_var") + model.norm.eps)
    folded = (model.conv.weight * scale[:, None, None]).detach().numpy()
    rounded, step = round_to_8_bits(folded)
    restored = ExactWeights(make_runner(model)).restore("conv", rounded, step)
    np.testing.assert_allclose(restored, folded, rtol=1e-6)


def test_other_weights_stay_what_they_are() -> None:
    exact_weights = ExactWeights(make_runner(Folded()))
    other = np.random.default_rng(1).normal(size=(10, 6, 3)).astype(np.float32)
    rounded, step = round_to_8_bits(other)
    assert exact_weights.restore("other", rounded, step) is rounded
    assert exact_weights.kept == ["other"]
