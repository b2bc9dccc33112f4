"""Channels the other way round."""

from __future__ import annotations

from tests.explain.planted import assert_explained, draw_even, place


def test_flipped_channels() -> None:
    x = draw_even(0, 2, 7, 40)
    first = assert_explained("channels-reversed", place(x, x[:, ::-1]))
    assert first.parameters == {"axis": 1}
