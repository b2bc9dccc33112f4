"""Paddings of a tensor at hand, and of one that only its zeros show."""

from __future__ import annotations

import numpy as np

from auscult.explain.searches.paddings import (
    Padding,
    find_padding_differences,
    iter_paddings,
)
from tests.explain.planted import FLOOR, draw_even, place

X = draw_even(0, 1, 4, 40)


def test_every_reading_of_one_tensor() -> None:
    padded = np.pad(X, [(0, 0), (0, 0), (2, 1)], mode="edge")
    assert [padding for padding, _ in iter_paddings(padded, X, 1e-6)] == [
        Padding(2, 1, "replicate")
    ]


def test_the_zeros_at_the_ends_show_the_reference_s_padding() -> None:
    reference, candidate = (np.pad(X, [(0, 0), (0, 0), widths]) for widths in ((3, 3), (4, 2)))
    differences = find_padding_differences(place(reference, candidate), FLOOR)
    assert [(each.tensor, each.reference, each.candidate) for each in differences] == [
        (None, Padding(3, 3, "zeros"), Padding(4, 2, "zeros"))
    ]
    assert not differences[0].is_border_change
