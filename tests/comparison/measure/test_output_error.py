"""The relative error between two models' outputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from auscult.comparison.measure.output_error import measure_output_error
from auscult.runtime.runner import make_runner
from auscult.traces.records import Trace

X = {"input": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)}


def run(factor: float, features: int = 5) -> Trace:
    torch.manual_seed(0)
    layer = nn.Linear(4, features, bias=False)
    with torch.no_grad():
        layer.weight.mul_(factor)
    return make_runner(layer).run(X)


def test_a_tenth_too_loud_is_a_tenth_off() -> None:
    assert measure_output_error(run(1.0), run(1.1)) == pytest.approx(0.1, rel=1e-4)


def test_equal_outputs_are_not_off_and_other_shapes_cannot_be_compared() -> None:
    assert measure_output_error(run(1.0), run(1.0)) == 0
    assert measure_output_error(run(1.0), run(1.0, features=6)) is None
