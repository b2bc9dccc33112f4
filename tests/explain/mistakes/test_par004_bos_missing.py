"""A sequence without its first token, or with one more."""

from __future__ import annotations

import numpy as np

from tests.explain.planted import assert_explained, draw, place

IDS = draw(0, 1, 9, 6)


def test_a_start_token_left_out() -> None:
    first = assert_explained("bos-missing", place(IDS, IDS[:, 1:]), place(IDS, IDS[:, :-1]))
    assert first.parameters == {"axis": 1, "tokens": -1}


def test_a_start_token_put_in_twice() -> None:
    twice = np.concatenate([IDS[:, :1], IDS], 1)
    assert "twice" in assert_explained("bos-missing", place(IDS, twice), place(IDS, IDS)).says
