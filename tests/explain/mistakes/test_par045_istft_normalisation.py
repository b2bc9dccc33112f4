"""Overlapped frames that are divided by nothing."""

from __future__ import annotations

from tests.explain.mistakes.inverse_stft import invert, make_case
from tests.explain.planted import assert_explained


def test_no_division() -> None:
    case = make_case(invert(), invert(divide=False))
    first = assert_explained("istft-normalisation", case)
    assert first.parameters == {"reference": {"by": "squares"}, "candidate": {"by": "none"}}
