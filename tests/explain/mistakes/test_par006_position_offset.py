"""Positions as ids, as rows of a table, and as a rotation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.explain.algebra.layers import apply_rotary, make_sinusoids
from auscult.explain.case import LayerCase
from auscult.weights import ModuleInfo
from tests.explain.planted import assert_explained, draw, place


def test_position_ids() -> None:
    ids = np.arange(9)[None]
    case = LayerCase("embed", ModuleInfo("embed", "Embedding"), ids, ids + 1, "input")
    correct = replace(case, candidate=ids.copy())
    assert assert_explained("position-offset", case, correct).parameters == {"offset": 1}


def test_a_sinusoidal_table() -> None:
    x = draw(0, 1, 9, 8)
    reference, candidate = (x + make_sinusoids(np.arange(9) + first, 8) for first in (0, 1))
    first = assert_explained("position-offset", place(reference, candidate, x=x))
    assert first.parameters == {"reference": {"first": 0}, "candidate": {"first": 1}}


def test_a_rotation_before_the_attention() -> None:
    x = draw(0, 1, 9, 16)
    heads = x.reshape(1, 9, 2, 8).transpose(0, 2, 1, 3)
    reference, candidate = (
        apply_rotary(heads, interleaved=False, offset=offset) for offset in (0, 1)
    )
    case = replace(
        place(reference, candidate, x=x),
        parent="attn",
        attributes={"attn": ModuleInfo("attn", "Attention", {"num_heads": 2})},
    )
    assert "start at 1" in assert_explained("position-offset", case).says
