"""Ways to make a sequence longer."""

from __future__ import annotations

import numpy as np

from auscult.explain.algebra.upsampling import upsample_by_each_method


def test_two_frames_made_four() -> None:
    longer = upsample_by_each_method(np.array([0.0, 3.0]), 2)
    assert {name: values.tolist() for name, values in longer.items()} == {
        "nearest": [0, 0, 3, 3],
        "linear": [0, 0.75, 2.25, 3],
        "linear with aligned corners": [0, 1, 2, 3],
        "repeating the whole": [0, 3, 0, 3],
        "zeros between": [0, 0, 3, 0],
    }
