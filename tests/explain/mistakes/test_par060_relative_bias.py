"""The biases of content and position exchanged."""

from __future__ import annotations

from tests.explain.mistakes.relative_attention import attend, make_case
from tests.explain.planted import assert_explained


def test_exchanged_biases() -> None:
    first = assert_explained("relative-bias", make_case(attend(exchanged=True)))
    assert first.parameters["candidate"] == {"biases": "v, u"}
