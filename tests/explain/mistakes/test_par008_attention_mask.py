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
