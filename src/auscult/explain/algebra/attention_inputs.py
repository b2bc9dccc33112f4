"""Which tensors of a layer are the queries, keys, values, positions and masks of an attention, and how many heads it declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from auscult.explain.algebra.nearness import to_float64
from auscult.explain.case import LayerCase
from auscult.weights import Array

QUERY_PATTERN = re.compile(
    r"(^|[._])(to_q|q_proj|query_proj|linear_q|wq|query|q|q_norm|query_norm|norm_q)$", re.IGNORECASE
)
KEY_PATTERN = re.compile(
    r"(^|[._])(to_k|k_proj|key_proj|linear_k|wk|key|k|k_norm|key_norm|norm_k)$", re.IGNORECASE
)
VALUE_PATTERN = re.compile(r"(^|[._])(to_v|v_proj|value_proj|linear_v|wv|value|v)$", re.IGNORECASE)
POSITION_PATTERN = re.compile(
    r"(^|[._])(linear_pos|pos_proj|to_pos|p_proj|linear_position|r_proj|pos_bias_proj|w_r)$",
    re.IGNORECASE,
)
BIAS_NAMES = (
    ("pos_bias_u", "pos_bias_v"),
    ("u_bias", "v_bias"),
    ("bias_u", "bias_v"),
    ("r_w_bias", "r_r_bias"),
)
"""What the parent calls the biases of the content and of the position term (Dai et al. 2019)."""
FUSED_PATTERN = re.compile(r"(^|[._])(to_qkv|qkv|qkv_proj|in_proj|c_attn|wqkv)$", re.IGNORECASE)
MASK_PATTERN = re.compile(r"mask|bias|pad|length", re.IGNORECASE)
HEAD_COUNT_ATTRIBUTES = (
    "num_heads",
    "heads",
    "n_heads",
    "nhead",
    "n_head",
    "h",
    "num_attention_heads",
)
USUAL_HEAD_COUNTS = (1, 2, 4, 8, 16)


@dataclass(frozen=True, eq=False)
class AttentionInputs:
    """q, k, v as [batch, time, features] in float64, and the masks at hand.

    Attributes:
        positions: Of relative positions, from the farthest past to the farthest future [1 or batch, 2 time - 1, features].
        biases: Of content and position [heads, width], by the names `u` and `v`.
    """

    q: Array
    k: Array
    v: Array
    masks: Mapping[str, Array]
    positions: Array | None = None
    biases: Mapping[str, Array] = field(default_factory=dict)


def find_attention_inputs(case: LayerCase) -> AttentionInputs | None:
    """Find q, k and v among what the case knows; later ones (behind a norm of q) before earlier ones."""
    tensor_by_letter: dict[str, Array] = {}
    for key, value in case.context.items():
        path, _, role = key.partition(":")
        if role != "output" or value.dtype.kind != "f":
            continue
        if FUSED_PATTERN.search(path) and value.ndim == 3 and value.shape[-1] % 3 == 0:
            tensor_by_letter.update(zip("qkv", np.split(to_float64(value), 3, -1), strict=True))
        for name, pattern in (
            ("q", QUERY_PATTERN),
            ("k", KEY_PATTERN),
            ("v", VALUE_PATTERN),
            ("p", POSITION_PATTERN),
        ):
            if pattern.search(path):
                tensor_by_letter[name] = merge_heads(
                    to_float64(value if value.ndim > 2 else value[None])
                )
    if not set(tensor_by_letter) >= set("qkv") or any(
        part.ndim != 3 for part in tensor_by_letter.values()
    ):
        return None
    positions = tensor_by_letter.get("p")
    if positions is not None and positions.shape[1] != 2 * tensor_by_letter["k"].shape[1] - 1:
        positions = None
    masks = {
        key: value
        for key, value in case.context.items()
        if _is_mask(key, value, tensor_by_letter["k"].shape[1])
    }
    return AttentionInputs(
        tensor_by_letter["q"],
        tensor_by_letter["k"],
        tensor_by_letter["v"],
        masks,
        positions,
        _find_position_biases(case.relatives.get(case.parent, {})),
    )


def _find_position_biases(weights: Mapping[str, Array]) -> dict[str, Array]:
    names = next((pair for pair in BIAS_NAMES if set(pair) <= set(weights)), None)
    if names is None:
        return {}
    return {letter: to_float64(weights[name]) for letter, name in zip("uv", names, strict=True)}


def _is_mask(key: str, value: Array, keys: int) -> bool:
    """Called so, or made of zeros and ones, one per key."""
    if value.ndim < 2 or value.shape[-1] != keys:
        return False
    return (
        value.dtype.kind == "b"
        or bool(MASK_PATTERN.search(key.rpartition(":")[2]))
        or bool(np.isin(value, (0, 1)).all())
    )


def merge_heads(value: Array) -> Array:
    """[batch, heads, time, width] or [batch, time, heads, width] as [batch, time, features]: the longer middle axis is time."""
    if value.ndim != 4:
        return value
    batch, second_length, third_length, width = value.shape
    if second_length <= third_length:
        return value.transpose(0, 2, 1, 3).reshape(batch, third_length, second_length * width)
    return value.reshape(batch, second_length, third_length * width)


def list_declared_heads(case: LayerCase) -> list[int]:
    """Numbers of heads that the parent's attributes name."""
    module = case.attributes.get(case.parent)
    if module is None:
        return []
    return [
        int(module.attributes[name])
        for name in HEAD_COUNT_ATTRIBUTES
        if isinstance(module.attributes.get(name), int)
    ]


def has_whole_heads(parts: AttentionInputs, heads: int) -> bool:
    """Whether q, k and v split into heads: as many of keys and values as of queries, or one for a group of neighbouring
    queries' heads (grouped-query attention).
    """
    if parts.q.shape[-1] % heads:
        return False
    width = parts.q.shape[-1] // heads
    key_heads = parts.k.shape[-1] // width
    return bool(
        key_heads > 0
        and parts.k.shape[-1] == key_heads * width
        and heads % key_heads == 0
        and parts.v.shape[-1] % key_heads == 0
    )
