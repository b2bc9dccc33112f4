"""q, k and v among what a case knows, and every usual way to attend."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from auscult.explain.algebra.attention import (
    RELATIVE_SHIFTS,
    AttentionVariant,
    compute_attention,
    compute_relative_scores,
    find_fitting_variants,
    iter_attention_variants,
)
from auscult.explain.algebra.attention_inputs import AttentionInputs, find_attention_inputs
from auscult.explain.case import LayerCase
from auscult.weights import Array, ModuleInfo
from tests.hand_made import make_noise

Q, K, V = (make_noise(1, 6, 8, seed=seed) for seed in range(3))
MASK = np.array([[1, 1, 1, 1, 0, 0]], np.int64)


def make_case(context: dict[str, Array], **attributes: object) -> LayerCase:
    module = ModuleInfo("attn", "Attention", attributes)
    return LayerCase(
        "attn.out", module, Q, Q, context=context, attributes={"attn": module}, parent="attn"
    )


def find_parts(context: dict[str, Array]) -> AttentionInputs:
    parts = find_attention_inputs(make_case(context))
    assert parts is not None
    return parts


SEPARATE = {"attn.to_q:output": Q, "attn.k_proj:output": K, "attn.wv:output": V}


def attend_in_torch(mask: Array | None, *, causal: bool = False) -> Array:
    q, k, v = (torch.tensor(x).reshape(1, 6, 2, 4).transpose(1, 2) for x in (Q, K, V))
    attended = functional.scaled_dot_product_attention(
        q, k, v, None if mask is None else torch.tensor(mask), is_causal=causal
    )
    return attended.transpose(1, 2).reshape(1, 6, 8).numpy()


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("none", attend_in_torch(None)),
        ("causal", attend_in_torch(None, causal=True)),
        ("keep:attn:input.mask", attend_in_torch(MASK.astype(bool)[:, None, None])),
        ("drop:attn:input.mask", attend_in_torch(~MASK.astype(bool)[:, None, None])),
    ],
)
def test_masks_do_what_torch_does(mask: str, expected: Array) -> None:
    parts = find_parts({**SEPARATE, "attn:input.mask": MASK})
    found = compute_attention(AttentionVariant(2, mask=mask), parts)
    assert found is not None
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_some_query_frames_are_those_of_all() -> None:
    parts, rows = find_parts(SEPARATE), np.array([1, 4])
    variant = AttentionVariant(2, mask="causal", rope="half")
    whole, part = compute_attention(variant, parts), compute_attention(variant, parts, rows)
    assert whole is not None
    assert part is not None
    np.testing.assert_allclose(part, whole[:, rows])
    assert compute_attention(AttentionVariant(8, rope="half"), parts) is None  # one feature a head


def test_a_reading_is_found_among_all() -> None:
    case = make_case(SEPARATE, num_heads=2)
    parts = find_parts(SEPARATE)
    options = list(iter_attention_variants(case, parts))
    assert {variant.heads for variant in options} == {2}
    others = iter_attention_variants(case, parts, undeclared=True)
    assert {variant.heads for variant in others} == {1, 4, 8}
    target = compute_attention(AttentionVariant(2, scale="1/head", mask="causal"), parts)
    assert target is not None
    (found, misfit), *further = find_fitting_variants(target, options, parts, 1e-6)
    assert (found.scale, found.mask, misfit, further) == ("1/head", "causal", 0.0, [])
    assert find_fitting_variants(make_noise(1, 6, 8, seed=8), options, parts, 1e-3) == []


def test_scores_of_distances_and_their_wrong_layouts() -> None:
    keys = 4
    positions = np.arange(2.0 * keys - 1).reshape(1, 1, -1, 1)  # the score of position n is n
    rows = np.arange(keys)
    q = np.ones((1, 1, keys, 1))
    layouts = {
        how: compute_relative_scores(q, positions, rows, how)[0, 0] for how in RELATIVE_SHIFTS
    }
    distance = rows[:, None] - rows
    assert np.array_equal(layouts["aligned"], keys - 1 - distance)
    assert np.array_equal(layouts["mirrored"], keys - 1 + distance)
    assert np.array_equal(layouts["unshifted"], np.tile(rows, (keys, 1)))
    assert layouts["one late"][1, 1] == layouts["aligned"][1, 1] + 1
    assert layouts["one early"][-1, 0] == 0  # outside there is no score


def test_keys_and_values_of_fewer_heads_serve_neighbouring_queries() -> None:
    """Grouped-query attention: torch's own, with four heads of queries for two of keys and values."""
    q, k, v = make_noise(1, 6, 16), make_noise(1, 6, 8, seed=1), make_noise(1, 6, 8, seed=2)
    query, key, value = (
        torch.from_numpy(part.reshape(1, 6, -1, 4)).transpose(1, 2) for part in (q, k, v)
    )
    attended = functional.scaled_dot_product_attention(query, key, value, enable_gqa=True)
    expected = attended.transpose(1, 2).reshape(1, 6, 16).numpy()
    parts = AttentionInputs(q.astype(float), k.astype(float), v.astype(float), {})
    result = compute_attention(AttentionVariant(4), parts)
    assert result is not None
    assert np.allclose(result, expected, atol=1e-5)
    assert compute_attention(AttentionVariant(1), parts) is None
    context = {"attn.to_q:output": q, "attn.to_k:output": k, "attn.to_v:output": v}
    variants = list(iter_attention_variants(make_case(context, num_heads=4), parts))
    fitting = find_fitting_variants(expected, variants, parts, 1e-5)
    best = fitting[0][0]
    assert (best.heads, best.scale, best.mask) == (4, "1/sqrt(head)", "none")
    unscaled = compute_attention(AttentionVariant(4, scale="1"), parts)
    assert unscaled is not None
    other = find_fitting_variants(unscaled, variants, parts, 1e-5)
    assert other[0][0].scale == "1"
