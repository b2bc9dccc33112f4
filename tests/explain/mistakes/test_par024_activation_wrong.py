"""ReLU in place of SiLU."""

from __future__ import annotations

import numpy as np

from tests.explain.planted import assert_explained, draw, place


def test_relu_for_silu() -> None:
    x = draw(0, 2, 6, 40)
    case = place(x / (1 + np.exp(-x)), np.maximum(x, 0), x=x)
    first = assert_explained("activation-wrong", case)
    assert first.says == "it applies relu where the reference applies silu"
