"""Two runs of a sampler."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.explain.case import IteratedCalls
from auscult.explain.searches.sampling import compare_samplers, is_estimator_output
from tests.explain.planted import FLOOR, sample, sampler_place

TIMES = np.linspace(0, 1, 6)


def guide(weight: float) -> IteratedCalls:
    return sample(
        lambda x, t, t_next, v, u: x + (t_next - t) * (u + weight * (v - u)), TIMES, guided=True
    )


def test_solver_schedule_and_mix() -> None:
    pair = compare_samplers(sampler_place(guide(2.0), guide(1.5)), FLOOR)
    assert pair is not None
    assert (pair.methods, pair.schedules) == (("euler", "euler"), ("linear", "linear"))
    assert pair.has_same_method
    assert pair.has_same_times
    mix = pair.find_step_mix()
    assert mix is not None
    assert (mix.reference, mix.candidate) == ((2.0, -1.0), (1.5, -0.5))
    assert not mix.is_longer_step


def test_equal_runs_mix_alike() -> None:
    pair = compare_samplers(sampler_place(guide(2.0), guide(2.0)), FLOOR)
    assert pair is not None
    assert pair.find_step_mix() is None


def test_the_estimator_is_not_the_loop() -> None:
    case = replace(sampler_place(guide(2.0), guide(1.5)), path="estimator")
    assert is_estimator_output(case)
    assert compare_samplers(case, FLOOR) is None
