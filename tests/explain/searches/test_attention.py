"""Readings of attention that differ."""

from __future__ import annotations

from auscult.explain.searches.attention import (
    find_attention_differences,
    find_rotation_differences,
)
from tests.explain.planted import FLOOR, attend, attention_place, draw, place

Q, K, V = (draw(seed, 1, 9, 8) for seed in range(3))


def test_the_scale_that_differs() -> None:
    reference, candidate = (attend(Q, K, V, 2, scale) for scale in (0.5, 1.0))
    case = attention_place(reference, candidate, 2, q_proj=Q, k_proj=K, v_proj=V)
    differences = find_attention_differences(case, FLOOR)
    nearest = min(differences, key=lambda difference: len(difference.unequal))
    assert (nearest.first_field, nearest.values) == ("scale", ("1", "1/sqrt(head)"))


def test_nothing_without_q_k_and_v() -> None:
    case = place(Q, K, x=V)
    assert find_attention_differences(case, FLOOR) == ()
    assert find_rotation_differences(case, FLOOR) == ()
