"""Pairs of neighbours rotated in place of pairs of the two halves."""

from __future__ import annotations

from dataclasses import replace

from auscult.explain.algebra.layers import apply_rotary
from auscult.weights import Array, ModuleInfo
from tests.explain.planted import assert_explained, attend, attention_place, draw, place

Q, K, V = (draw(seed, 1, 9, 8) for seed in range(3))


def rotate_heads(x: Array, *, interleaved: bool) -> Array:
    heads = x.reshape(1, 9, 2, 4).transpose(0, 2, 1, 3)
    return apply_rotary(heads, interleaved=interleaved).transpose(0, 2, 1, 3).reshape(1, 9, 8)


def test_behind_the_attention() -> None:
    reference, candidate = (
        attend(
            rotate_heads(Q, interleaved=interleaved),
            rotate_heads(K, interleaved=interleaved),
            V,
            2,
            0.5,
        )
        for interleaved in (False, True)
    )
    case = attention_place(reference, candidate, 2, q_proj=Q, k_proj=K, v_proj=V)
    assert "as interleaved" in assert_explained("rope-convention", case).says


def test_before_the_attention() -> None:
    case = replace(
        place(rotate_heads(Q, interleaved=True), Q, q=Q),
        parent="attn",
        attributes={"attn": ModuleInfo("attn", "Attention", {"num_heads": 2})},
    )
    first = assert_explained("rope-convention", case, first=False)
    assert first.says == "it rotates q as none before the norm, the reference as interleaved"
