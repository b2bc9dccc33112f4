"""Queries, keys, values and masks of an attention are found by name and by what they hold."""

from __future__ import annotations

import numpy as np

from auscult.explain.algebra.attention_inputs import find_attention_inputs
from tests.explain.algebra.test_attention import MASK, SEPARATE, K, Q, V, find_parts, make_case


def test_projections_by_their_names_or_fused() -> None:
    fused = {"attn.qkv:output": np.concatenate([Q, K, V], -1)}
    for context in (SEPARATE, fused):
        parts = find_parts(context)
        assert np.array_equal(parts.q, Q.astype(float))
        assert np.array_equal(parts.v, V.astype(float))
    heads = {**SEPARATE, "attn.q_norm:output": 2 * Q.reshape(1, 6, 2, 4).transpose(0, 2, 1, 3)}
    assert np.allclose(find_parts(heads).q, 2 * Q)  # what is behind the norm
    assert find_attention_inputs(make_case({"attn.to_q:output": Q})) is None


def test_masks_by_name_or_by_what_they_hold() -> None:
    parts = find_parts({**SEPARATE, "attn:input.mask": MASK, "attn:input.1": Q})
    assert list(parts.masks) == ["attn:input.mask"]
