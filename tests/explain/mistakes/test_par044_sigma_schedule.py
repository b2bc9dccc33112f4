"""Even steps in place of a cosine."""

from __future__ import annotations

import numpy as np

from auscult.explain.case import IteratedCalls
from auscult.weights import Array
from tests.explain.planted import assert_explained, sample, sampler_place

LINEAR = np.linspace(0, 1, 9)
COSINE = 1 - np.cos(np.pi / 2 * LINEAR)


def sample_at(times: Array) -> IteratedCalls:
    return sample(lambda x, t, t_next, v, _: x + (t_next - t) * v, times, guided=False)


def test_even_steps_for_a_cosine() -> None:
    case = sampler_place(sample_at(COSINE), sample_at(LINEAR))
    first = assert_explained(
        "sigma-schedule", case, sampler_place(sample_at(COSINE), sample_at(COSINE))
    )
    assert first.parameters == {"reference": "cosine", "candidate": "linear"}


def test_a_longer_step_at_the_same_times() -> None:
    def sample_with(factor: float) -> IteratedCalls:
        return sample(
            lambda x, t, t_next, v, u: x + factor * (t_next - t) * (2 * v - u),
            LINEAR,
            guided=True,
        )

    case = sampler_place(sample_with(1.0), sample_with(1.25))
    correct = sampler_place(sample_with(1.0), sample_with(1.0))
    assert "1.25 times" in assert_explained("sigma-schedule", case, correct).says
