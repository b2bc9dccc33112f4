"""Ways back from frames to samples."""

from __future__ import annotations

from auscult.explain.searches.inverse_stft import find_inverse_stft_differences
from tests.explain.mistakes.inverse_stft import invert, make_case
from tests.explain.planted import FLOOR


def test_two_changes_are_two() -> None:
    case = make_case(invert(), invert(symmetric=True, trim="same"))
    (difference,) = find_inverse_stft_differences(case, FLOOR)
    assert difference.unequal == ("window", "trim")
    assert difference.to_explanation("istft-trim", "").complexity == 2


def test_equal_ways_do_not_differ() -> None:
    assert find_inverse_stft_differences(make_case(invert(), invert() + 1), FLOOR) == ()
