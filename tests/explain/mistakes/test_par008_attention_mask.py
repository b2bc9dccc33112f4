"""Causal attention in place of full attention."""

from __future__ import annotations

import numpy as np

from auscult.explain.try_mistakes import explain_case
from tests.explain.planted import assert_explained, attend, attention_place, draw

Q, K, V = (draw(seed, 1, 9, 8) for seed in range(3))


def test_a_causal_mask() -> None:
    causal = np.where(np.tril(np.ones((9, 9), bool)), 0.0, -np.inf)
    full = attend(Q, K, V, 2, 0.5)
    case = attention_place(
        full, attend(Q, K, V, 2, 0.5, bias=causal), 2, q_proj=Q, k_proj=K, v_proj=V
    )
    assert assert_explained("attention-mask", case).says == (
        "its mask is causal, the reference's none"
    )


def test_nothing_but_nan_is_no_mask() -> None:
    full = attend(Q, K, V, 2, 0.5)
    case = attention_place(
        full,
        np.full_like(full, np.nan),
        2,
        q_proj=Q,
        k_proj=K,
        v_proj=V,
        mask=np.ones((1, 9), bool),
    )
    assert [explanation.cause for explanation in explain_case(case)] == ["precision-overflow"]


def test_a_causal_mask_counted_from_the_first_key() -> None:
    keys, values = draw(3, 1, 14, 8), draw(4, 1, 14, 8)
    allowed = np.tril(np.ones((9, 14), bool), 5), np.tril(np.ones((9, 14), bool))
    biases = (np.where(mask, 0.0, -np.inf) for mask in allowed)
    reference, candidate = (attend(Q, keys, values, 2, 0.5, bias=bias) for bias in biases)
    case = attention_place(reference, candidate, 2, q_proj=Q, k_proj=keys, v_proj=values)
    assert "from the first key on" in assert_explained("attention-mask", case).says


def test_a_mask_of_the_other_meaning_that_leaves_a_query_nothing() -> None:
    """Code that masks with a large number gives such a query the mean of all values, not NaN."""
    padding = np.zeros((2, 9), bool)
    padding[0, 7:] = True
    q, k, v = (draw(seed, 2, 9, 8) for seed in range(3))
    biases = (np.where(mask, -1e30, 0.0)[:, None, :] for mask in (padding, ~padding))
    reference, candidate = (attend(q, k, v, 2, 0.5, bias=bias) for bias in biases)
    case = attention_place(reference, candidate, 2, q_proj=q, k_proj=k, v_proj=v, mask=padding)
    assert "attended where true" in assert_explained("attention-mask", case).says
