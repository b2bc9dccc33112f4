"""The whole repeated in place of every frame."""

from __future__ import annotations

import numpy as np

from tests.explain.mistakes.code_places import IMAGE, Resize, list_causes
from tests.explain.planted import assert_explained, draw_even, place


def test_tiled_for_repeated() -> None:
    x = draw_even(0, 1, 4, 20)
    case = place(np.repeat(x, 3, -1), np.tile(x, (1, 1, 3)), x=x)
    first = assert_explained("upsample-mode", case)
    assert first.parameters == {"reference": "nearest", "candidate": "repeating the whole"}


def test_antialias_and_nearest_exact() -> None:
    smooth = {"scale_factor": 0.6, "mode": "bilinear", "align_corners": False}
    for reference, candidate, words in (
        (
            {**smooth, "antialias": True},
            smooth,
            "antialias=False, the reference with antialias=True",
        ),
        (
            {"size": (40, 33), "mode": "nearest"},
            {"size": (40, 33), "mode": "nearest-exact"},
            "mode='nearest-exact', the reference with mode='nearest'",
        ),
        (
            {**smooth, "scale_factor": 2.5},
            {**smooth, "scale_factor": 2.5, "align_corners": True},
            "align_corners=True, the reference with align_corners=False",
        ),
    ):
        ((cause, message),) = list_causes(Resize(**reference), Resize(**candidate), IMAGE)
        assert cause == "upsample-mode"
        assert message.endswith(words)
