"""Another meaning of the weight of guidance."""

from __future__ import annotations

import numpy as np

from auscult.explain.case import IteratedCalls
from tests.explain.planted import assert_explained, sample, sampler_place

TIMES = np.linspace(0, 1, 6)


def guide(weight: float) -> IteratedCalls:
    return sample(
        lambda x, t, t_next, v, u: x + (t_next - t) * (u + weight * (v - u)), TIMES, guided=True
    )


def test_a_weight_that_is_one_too_low() -> None:
    case = sampler_place(guide(1.7), guide(0.7))
    first = assert_explained("cfg-formula", case, sampler_place(guide(1.7), guide(1.7)))
    assert first.fix == "v = 1.7 v_cond -0.7 v_uncond"
