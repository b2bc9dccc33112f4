"""The same projections in another number of heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.explain.planted import assert_explained, attend, attention_place, draw

Q, K, V = (draw(seed, 1, 9, 16) for seed in range(3))


def test_another_number_of_heads() -> None:
    reference, candidate = (attend(Q, K, V, heads, (16 / heads) ** -0.5) for heads in (4, 2))
    case = attention_place(reference, candidate, 4, q_proj=Q, k_proj=K, v_proj=V)
    first = assert_explained("attention-heads", replace(case, attributes={}))
    assert first.parameters["candidate"] == {"heads": 2}


def test_another_number_than_the_module_declares() -> None:
    reference, candidate = (attend(Q, K, V, heads, (16 / heads) ** -0.5) for heads in (4, 2))
    case = attention_place(reference, candidate, 4, q_proj=Q, k_proj=K, v_proj=V)
    first = assert_explained("attention-heads", case)
    assert first.says == "it splits into 2 heads, the reference into 4"


def test_grouped_queries_given_out_in_turn() -> None:
    k, v = K[..., :8], V[..., :8]
    neighbours = [np.repeat(x.reshape(1, 9, 2, 4), 2, axis=2).reshape(1, 9, 16) for x in (k, v)]
    tiled = [np.tile(x, (1, 1, 2)) for x in (k, v)]
    reference, candidate = (attend(Q, keys, values, 4, 0.5) for keys, values in (neighbours, tiled))
    case = attention_place(reference, candidate, 4, q_proj=Q, k_proj=k, v_proj=v)
    first = assert_explained("attention-heads", case)
    assert first.parameters["candidate"] == {"grouping": "tiled"}
