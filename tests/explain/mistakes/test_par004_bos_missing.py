"""A sequence without its first token, or with one more."""

from __future__ import annotations

import numpy as np

from auscult.explain.case import LayerCase
from auscult.explain.mistakes import find_mistake
from auscult.explain.try_mistakes import collect_explanations
from auscult.weights import Array
from tests.explain.planted import FLOOR, assert_explained, draw, place

VECTORS = draw(0, 1, 9, 6)
IDS = np.arange(9)


def place_tokens(reference: Array, candidate: Array) -> LayerCase:
    return place(reference, candidate, ids=IDS)


def test_a_start_token_left_out() -> None:
    case, correct = (
        place_tokens(VECTORS, VECTORS[:, 1:]),
        place_tokens(VECTORS, VECTORS[:, :-1]),
    )
    assert assert_explained("bos-missing", case, correct).parameters == {"axis": 1, "tokens": -1}


def test_a_start_token_put_in_twice() -> None:
    twice = np.concatenate([VECTORS[:, :1], VECTORS], 1)
    case = place_tokens(VECTORS, twice)
    assert "twice" in assert_explained("bos-missing", case, place_tokens(VECTORS, VECTORS)).says


def test_frames_that_are_cut_are_no_tokens() -> None:
    mistake = find_mistake("bos-missing", found_by="a test")
    assert collect_explanations(mistake, place(VECTORS, VECTORS[:, 1:]), FLOOR) == []
    named = place(VECTORS, VECTORS[:, 1:], **{"text_emb:output": VECTORS})
    assert collect_explanations(mistake, named, FLOOR) != []
