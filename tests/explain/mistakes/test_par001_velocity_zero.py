"""An estimator that gives nothing, and a sampler whose states stay its start noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.explain.case import IteratedCalls
from tests.explain.planted import assert_explained, sample, sampler_place

TIMES = np.linspace(0, 1, 5)
MOVING = sample(lambda x, t, t_next, v, _: x + (t_next - t) * v, TIMES, guided=False)


def test_states_that_stay_the_start_noise() -> None:
    start = MOVING.inputs[0]["x"]
    calls = tuple({**call, "x": start} for call in MOVING.inputs)
    outputs = tuple(np.zeros_like(output) for output in MOVING.outputs)
    still = IteratedCalls("estimator", calls, outputs, start)
    correct = sampler_place(MOVING, MOVING)
    assert_explained("velocity-zero", sampler_place(MOVING, still), correct)


def test_an_estimator_that_gives_nothing() -> None:
    case = replace(
        sampler_place(MOVING, MOVING),
        path="estimator",
        reference=MOVING.outputs[0],
        candidate=1e-5 * MOVING.outputs[0],
    )
    assert "velocity has rms" in assert_explained("velocity-zero", case).says
