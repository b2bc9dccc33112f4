"""A symmetric in place of a periodic window."""

from __future__ import annotations

from tests.explain.mistakes.code_places import FRAMES, Head, list_causes
from tests.explain.mistakes.inverse_stft import invert, make_case
from tests.explain.planted import assert_explained


def test_a_symmetric_window() -> None:
    case = make_case(invert(), invert(symmetric=True))
    first = assert_explained("istft-window", case)
    assert first.says == "its window is hann-symmetric, the reference's hann"


def test_windows_of_a_head_that_makes_its_spectrum_inside() -> None:
    for stored in (True, False):
        wrong = Head(periodic=False, stored=stored)
        assert list_causes(Head(stored=stored), wrong, FRAMES) == [
            ("istft-window", "(model): its window is hann-symmetric, the reference's hann")
        ]
