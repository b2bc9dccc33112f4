"""Elements beyond the end of float16."""

from __future__ import annotations

import numpy as np

from auscult.explain.try_mistakes import explain_case
from tests.explain.planted import FLOOR, assert_explained, draw, layer, place


def test_infinite_elements() -> None:
    x = draw(0, 2, 6, 40)
    x[0, 0, :3] = 1e5
    over = x.copy()
    over[0, 0, :3] = np.inf
    assert assert_explained("precision-overflow", place(x, over)).parameters == {"elements": 3}


def test_an_overflow_inside_is_described() -> None:
    x = draw(0, 2, 6, 40)
    lost = x.copy()
    lost[0, 0, 0] = np.nan
    assert not assert_explained("precision-overflow", place(x, lost)).reproduced


def test_the_reciprocal_of_an_alpha_that_float16_cannot_hold() -> None:
    x = draw(0, 2, 6, 40)
    lost = x.copy()
    lost[:, 3] = np.nan
    alpha = np.ones(6)
    alpha[3] = 0
    case = layer("Snake1d", x, x, lost, {"alpha": alpha})
    explanations = explain_case(case, FLOOR)
    assert [explanation.cause for explanation in explanations] == ["precision-overflow"]
    assert (
        "1 / (alpha + 1e-09) is infinite in float16 for 1 of its 6 values" in explanations[0].says
    )
    fine = layer("Snake1d", x, x, lost, {"alpha": np.ones(6)})
    assert "infinite in float16" not in explain_case(fine, FLOOR)[0].says
