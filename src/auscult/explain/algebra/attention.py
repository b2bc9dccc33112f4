"""Attention as code writes it: which tensors are q, k and v, and every usual way to turn them into a result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from auscult.explain.algebra import layers as ops
from auscult.explain.algebra.attention_inputs import (
    USUAL_HEAD_COUNTS,
    AttentionInputs,
    has_whole_heads,
    list_declared_heads,
    merge_heads,
)
from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import LayerCase
from auscult.weights import Array

SCREENED_FRAMES = 8  # query frames on which a reading is tried before all of them are
ROPE_KINDS = ("none", "half", "interleaved")
GROUPINGS = ("neighbours", "tiled")
MASKED_SCORE = -1e30
"""In place of a score that is masked, where code wants no NaN: far below any score, so that a query that may attend to nothing
takes the mean of all values."""
RELATIVE_SHIFTS = ("aligned", "unshifted", "one early", "one late", "mirrored")
"""Where the score of each distance comes from: see `relative_scores`."""


@dataclass(frozen=True)
class AttentionVariant:
    """One way to compute attention from q, k and v.

    Attributes:
        scale: Its name: `1/sqrt(head)`, `1/sqrt(model)`, `1/head`, `1`.
        mask: `none`, `causal`, `causal-start` (of fewer queries than keys, the first query sees one key, not all but the last
            ones), `anti-causal`, or `keep:NAME` (true attends), `drop:NAME` (true does not), `add:NAME` (its
            numbers are added to the scores).
        rope: How positions turn q and k.
        offset: How far the queries' positions are ahead of the keys'.
        relative: How scores of relative positions are laid over the keys: one of SHIFTS, or `none`.
        biases: Which bias goes to the content and which to the position term: `u, v`, `v, u` or `none`.
        grouping: Which query heads share a head of keys and values, where there are fewer of these: `neighbours` (0, 1 take
            head 0), or `tiled` (0, 2, ... take head 0).
    """

    heads: int
    scale: str = "1/sqrt(head)"
    mask: str = "none"
    rope: str = "none"
    offset: int = 0
    base: float = 10000.0
    relative: str = "none"
    biases: str = "none"
    grouping: str = "neighbours"

    @property
    def says(self) -> str:
        if self.relative != "none":
            relative = f", relative scores {self.relative} with biases {self.biases}"
        else:
            relative = ""
        grouping = "" if self.grouping == "neighbours" else f", heads of keys {self.grouping}"
        return (
            f"{self.heads} heads{grouping}, scale {self.scale}, mask {self.mask}, rope"
            f" {self.rope}{relative}"
        )


def iter_attention_variants(
    case: LayerCase, parts: AttentionInputs, *, undeclared: bool = False
) -> Iterator[AttentionVariant]:
    """Every usual reading, with the number of heads that the module declares.

    Args:
        undeclared: With the usual other numbers of heads instead.
    """
    width = parts.q.shape[-1]
    declared_counts = list_declared_heads(case)
    masks = ["none"]
    if parts.q.shape[1] == parts.k.shape[1]:
        masks += ["causal", "anti-causal"]
    elif parts.q.shape[1] < parts.k.shape[1]:
        masks += ["causal", "causal-start"]
    masks += [f"{mask_use}:{name}" for name in parts.masks for mask_use in ("keep", "drop", "add")]
    head_counts = declared_counts[:1] or list(USUAL_HEAD_COUNTS)
    if undeclared:
        head_counts = [count for count in USUAL_HEAD_COUNTS if count not in head_counts]
    for heads in head_counts:
        if not has_whole_heads(parts, heads):
            continue
        for mask in masks:
            for rope, relative in _iter_position_schemes(parts):
                for scale in ("1/sqrt(head)", "1", "1/sqrt(model)", "1/head"):
                    variant = AttentionVariant(
                        heads,
                        scale,
                        mask,
                        rope,
                        relative=relative,
                        biases="u, v" if parts.biases else "none",
                    )
                    yield variant
                    if parts.k.shape[-1] < width:
                        yield replace(variant, grouping="tiled")
                    if parts.biases:
                        yield replace(variant, biases="v, u")
                        yield replace(variant, biases="none")
                    if rope != "none" and scale == "1/sqrt(head)":
                        yield replace(variant, offset=1)
                        yield replace(variant, base=500000.0)


def _iter_position_schemes(parts: AttentionInputs) -> Iterator[tuple[str, str]]:
    """How positions may count: by rotation, or by scores of their own."""
    if parts.positions is None:
        yield from ((rope, "none") for rope in ROPE_KINDS)
    else:
        yield from (("none", relative) for relative in (*RELATIVE_SHIFTS, "none"))


def compute_attention(
    variant: AttentionVariant,
    parts: AttentionInputs,
    rows: Array | None = None,
    masked_score: float = -np.inf,
) -> Array | None:
    """The result [batch, time, features], for some query frames or all; None where the heads do not fit.

    Args:
        masked_score: What is added where a mask lets nothing through. It shows in queries that may attend to nothing: NaN, or
            the mean of all values.
    """
    if not has_whole_heads(parts, variant.heads):
        return None
    q = _split_heads(parts.q, variant.heads)
    width = q.shape[-1]
    key_heads = parts.k.shape[-1] // width
    repeats = variant.heads // key_heads
    repeat_heads = _tile_heads if variant.grouping == "tiled" else _repeat_heads
    k, v = (repeat_heads(_split_heads(part, key_heads), repeats) for part in (parts.k, parts.v))
    if variant.rope != "none":
        if width % 2:
            return None
        is_interleaved = variant.rope == "interleaved"
        q = ops.apply_rotary(
            q, interleaved=is_interleaved, offset=variant.offset, base=variant.base
        )
        k = ops.apply_rotary(k, interleaved=is_interleaved, base=variant.base)
    rows = np.arange(q.shape[2]) if rows is None else rows
    scale = _compute_scale(variant, width, parts.q.shape[-1])
    bias = _mask_to_bias(variant.mask, parts, q.shape[2], k.shape[2])
    if bias is None:
        return None
    bias = np.maximum(bias, masked_score)
    bias, q = bias[:, :, rows] if bias.shape[2] > 1 else bias, q[:, :, rows]
    if parts.positions is not None:
        content, position = (_select_bias(parts, variant, bias_index, q) for bias_index in (0, 1))
        if variant.relative != "none":
            p = _split_heads(parts.positions, variant.heads)
            bias = bias + scale * compute_relative_scores(q + position, p, rows, variant.relative)
        q = q + content
    result = ops.apply_attention(q, k, v, scale, bias)
    return result.transpose(0, 2, 1, 3).reshape(q.shape[0], len(rows), -1)


def _compute_scale(variant: AttentionVariant, head_width: int, model_width: int) -> float:
    return {
        "1/sqrt(head)": 1 / sqrt(head_width),
        "1": 1.0,
        "1/sqrt(model)": 1 / sqrt(model_width),
        "1/head": 1 / head_width,
    }[variant.scale]


def _repeat_heads(x: Array, repeats: int) -> Array:
    return np.repeat(x, repeats, axis=1)


def _tile_heads(x: Array, repeats: int) -> Array:
    return np.tile(x, (1, repeats, 1, 1))


def _select_bias(
    parts: AttentionInputs, variant: AttentionVariant, bias_index: int, q: Array
) -> Array:
    """The bias of the content (0) or position (1) term, [heads, 1, width]."""
    if variant.biases == "none":
        return np.zeros((1, 1, 1))
    bias = parts.biases[variant.biases.split(", ")[bias_index]]
    if bias.size == q.shape[1] * q.shape[3]:
        return bias.reshape(q.shape[1], 1, q.shape[3])
    return np.zeros((1, 1, 1))


def compute_relative_scores(q: Array, positions: Array, rows: Array, how: str) -> Array:
    """Scores [batch, heads, rows, keys] of q [batch, heads, rows, width] with positions [1, heads, 2 keys - 1, width].

    Position n stands for the distance keys - 1 - n (query minus key), so that query i takes keys - 1 - i + j for key j
    (`aligned`; Dai et al. 2019, appendix B). A shift left out takes the first ones for every query (`unshifted`); one written
    for another length of positions lands `one early` or `one late`; `mirrored` counts distances the other way.
    """
    scores = np.einsum("bhqd,ohpd->bhqp", q, positions, optimize=True)
    keys = (positions.shape[2] + 1) // 2
    place = keys - 1 - rows[:, None] + np.arange(keys)
    place = {
        "unshifted": place * 0 + np.arange(keys),
        "one early": place - 1,
        "one late": place + 1,
        "mirrored": 2 * (keys - 1) - place,
    }.get(how, place)
    is_inside = (place >= 0) & (place < positions.shape[2])
    gathered_scores = np.take_along_axis(
        scores,
        np.clip(place, 0, positions.shape[2] - 1)[None, None] + np.zeros_like(scores[..., :1], int),
        -1,
    )
    return np.where(is_inside, gathered_scores, 0.0)


def _split_heads(x: Array, heads: int) -> Array:
    batch, time, width = x.shape
    return x.reshape(batch, time, heads, width // heads).transpose(0, 2, 1, 3)


def _mask_to_bias(mask: str, parts: AttentionInputs, queries: int, keys: int) -> Array | None:
    """What is added to the scores, [batch or 1, 1, queries or 1, keys]."""
    if mask == "none":
        return np.zeros((1, 1, 1, keys))
    if mask in {"causal", "causal-start", "anti-causal"}:
        ahead = 0 if mask == "causal-start" else keys - queries
        causal_mask = np.tril(np.ones((queries, keys), bool), ahead)
        if mask == "anti-causal":
            causal_mask = causal_mask.T
        return np.where(causal_mask, 0.0, -np.inf)[None, None]
    mask_use, _, name = mask.partition(":")
    mask_values = parts.masks[name]
    shaped_mask = _reshape_mask(mask_values, parts.q.shape[0], queries, keys)
    if shaped_mask is None:
        return None
    if mask_use == "add":
        return to_float64(shaped_mask)
    if mask_values.dtype.kind == "f" and not np.isin(mask_values, (0.0, 1.0)).all():
        return None  # additive numbers are no yes and no
    if mask_use == "keep":
        attended = shaped_mask.astype(bool)
    else:
        attended = ~shaped_mask.astype(bool)
    return np.where(attended, 0.0, -np.inf)


def _reshape_mask(mask: Array, batch: int, queries: int, keys: int) -> Array | None:
    if mask.ndim == 2 and mask.shape == (queries, keys):
        return mask[None, None]
    if mask.ndim == 2 and mask.shape == (batch, keys):
        return mask[:, None, None, :]
    if mask.ndim == 3 and mask.shape[-1] == keys:
        return mask[:, None]
    if mask.ndim == 4 and mask.shape[-1] == keys:
        return mask[:, :1]
    return None


def find_fitting_variants(
    target: Array, options: list[AttentionVariant], parts: AttentionInputs, limit: float
) -> list[tuple[AttentionVariant, float]]:
    """Readings that give the target (in any of the layouts of heads) within the limit, nearest first."""
    if target.ndim == 4:
        target_values = merge_heads(to_float64(target))
    else:
        target_values = to_float64(target)
    if target_values.ndim != 3 or target_values.shape[:2] != parts.q.shape[:2]:
        return []
    rows = np.unique(np.linspace(0, target_values.shape[1] - 1, SCREENED_FRAMES).astype(int))
    masked_score = MASKED_SCORE if np.isfinite(target_values).all() else -np.inf
    fitting_variants = []
    for variant in options:
        drawn_output = compute_attention(variant, parts, rows, masked_score)
        if (
            drawn_output is None
            or drawn_output.shape != target_values[:, rows].shape
            or relative_error(drawn_output, target_values[:, rows]) > 2 * limit + 1e-9
        ):
            continue
        output = compute_attention(variant, parts, masked_score=masked_score)
        if output is not None and (misfit := relative_error(output, target_values)) <= limit:
            fitting_variants.append((variant, misfit))
    return sorted(fitting_variants, key=lambda pair: pair[1])
