"""The whole repeated in place of every frame."""

from __future__ import annotations

import numpy as np

from tests.explain.planted import assert_explained, draw_even, place


def test_tiled_for_repeated() -> None:
    x = draw_even(0, 1, 4, 20)
    case = place(np.repeat(x, 3, -1), np.tile(x, (1, 1, 3)), x=x)
    first = assert_explained("upsample-mode", case)
    assert first.parameters == {"reference": "nearest", "candidate": "repeating the whole"}
