"""The same projections in another number of heads."""

from __future__ import annotations

from dataclasses import replace

from tests.explain.planted import assert_explained, attend, attention_place, draw

Q, K, V = (draw(seed, 1, 9, 16) for seed in range(3))


def test_another_number_of_heads() -> None:
    reference, candidate = (attend(Q, K, V, heads, (16 / heads) ** -0.5) for heads in (4, 2))
    case = attention_place(reference, candidate, 4, q_proj=Q, k_proj=K, v_proj=V)
    first = assert_explained("attention-heads", replace(case, attributes={}))
    assert first.parameters["candidate"] == {"heads": 2}
