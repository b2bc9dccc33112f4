"""Nothing cut off at the ends."""

from __future__ import annotations

from tests.explain.mistakes.inverse_stft import invert, make_case
from tests.explain.planted import assert_explained


def test_same_padding_for_centre() -> None:
    case = make_case(invert(), invert(trim="same"))
    first = assert_explained("istft-trim", case)
    assert first.parameters == {"reference": {"trim": "centre"}, "candidate": {"trim": "same"}}
