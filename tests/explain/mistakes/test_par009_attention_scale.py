"""Scores that are not scaled."""

from __future__ import annotations

from tests.explain.planted import assert_explained, attend, attention_place, draw

Q, K, V = (draw(seed, 1, 9, 8) for seed in range(3))


def test_scores_without_a_scale() -> None:
    reference, candidate = (attend(Q, K, V, 2, scale) for scale in (4**-0.5, 1.0))
    case = attention_place(reference, candidate, 2, q_proj=Q, k_proj=K, v_proj=V)
    first = assert_explained("attention-scale", case)
    assert first.says == "it scales the scores by 1, the reference by 1/sqrt(head)"
