"""Euler in place of midpoint steps."""

from __future__ import annotations

import numpy as np

from auscult.explain.case import IteratedCalls
from tests.explain.planted import assert_explained, draw, sample, sampler_place

TIMES = np.linspace(0, 1, 9)


def sample_by_midpoint() -> IteratedCalls:
    """Two calls a step: the second at its middle."""
    x = draw(0, 1, 4, 50).astype(np.float64)
    inputs, outputs = [], []
    for t, t_next in zip(TIMES[:-2:2], TIMES[2::2], strict=True):
        half = x + (t_next - t) / 2 * (np.tanh(x + t) + 0.3)
        middle = (t + t_next) / 2
        for state, time in ((x, t), (half, middle)):
            inputs.append({"x": state, "t": np.array([time])})
            outputs.append(np.tanh(state + time) + 0.3)
        x = x + (t_next - t) * outputs[-1]
    return IteratedCalls("estimator", tuple(inputs), tuple(outputs), x)


def test_euler_for_midpoint() -> None:
    euler = sample(lambda x, t, t_next, v, _: x + (t_next - t) * v, TIMES, guided=False)
    midpoint = sample_by_midpoint()
    case = sampler_place(midpoint, euler)
    first = assert_explained("sampler-mismatch", case, sampler_place(euler, euler))
    assert first.parameters == {"reference": "midpoint", "candidate": "euler"}
