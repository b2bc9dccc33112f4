"""Attention as code writes it: which tensors are q, k and v, and every usual way to turn them into a result."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np

from auscult.explain.algebra import layers as ops
from auscult.explain.algebra.nearness import error, real
from auscult.explain.case import LayerCase
from auscult.weights import Array

QUERY = re.compile(
    r"(^|[._])(to_q|q_proj|query_proj|linear_q|wq|query|q|q_norm|query_norm|norm_q)$", re.IGNORECASE
)
KEY = re.compile(
    r"(^|[._])(to_k|k_proj|key_proj|linear_k|wk|key|k|k_norm|key_norm|norm_k)$", re.IGNORECASE
)
VALUE = re.compile(r"(^|[._])(to_v|v_proj|value_proj|linear_v|wv|value|v)$", re.IGNORECASE)
POSITION = re.compile(
    r"(^|[._])(linear_pos|pos_proj|to_pos|p_proj|linear_position|r_proj|pos_bias_proj|w_r)$",
    re.IGNORECASE,
)
BIASES = (
    ("pos_bias_u", "pos_bias_v"),
    ("u_bias", "v_bias"),
    ("bias_u", "bias_v"),
    ("r_w_bias", "r_r_bias"),
)
"""What the parent calls the biases of the content and of the position term (Dai et al. 2019)."""
FUSED = re.compile(r"(^|[._])(to_qkv|qkv|qkv_proj|in_proj|c_attn|wqkv)$", re.IGNORECASE)
MASK = re.compile(r"mask|bias|pad|length", re.IGNORECASE)
HEADS = ("num_heads", "heads", "n_heads", "nhead", "n_head", "h", "num_attention_heads")
SCREENED = 8  # query frames on which a reading is tried before all of them are
ROPES = ("none", "half", "interleaved")
SHIFTS = ("aligned", "unshifted", "one early", "one late", "mirrored")
"""Where the score of each distance comes from: see `relative_scores`."""


@dataclass(frozen=True)
class Reading:
    """One way to compute attention from q, k and v.

    Attributes:
        scale: Its name: `1/sqrt(head)`, `1/sqrt(model)`, `1/head`, `1`.
        mask: `none`, `causal`, `anti-causal`, or `keep:NAME` (true attends), `drop:NAME` (true does not), `add:NAME` (its
            numbers are added to the scores).
        rope: How positions turn q and k.
        offset: How far the queries' positions are ahead of the keys'.
        relative: How scores of relative positions are laid over the keys: one of SHIFTS, or `none`.
        biases: Which bias goes to the content and which to the position term: `u, v`, `v, u` or `none`.
    """

    heads: int
    scale: str = "1/sqrt(head)"
    mask: str = "none"
    rope: str = "none"
    offset: int = 0
    base: float = 10000.0
    relative: str = "none"
    biases: str = "none"

    @property
    def says(self) -> str:
        relative = (
            f", relative scores {self.relative} with biases {self.biases}"
            if self.relative != "none"
            else ""
        )
        return (
            f"{self.heads} heads, scale {self.scale}, mask {self.mask}, rope {self.rope}{relative}"
        )


@dataclass(frozen=True, eq=False)
class Projected:
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


def projected(case: LayerCase) -> Projected | None:
    """Find q, k and v among what the case knows; later ones (behind a norm of q) before earlier ones."""
    found: dict[str, Array] = {}
    for key, value in case.context.items():
        path, _, role = key.partition(":")
        if role != "output" or value.dtype.kind != "f":
            continue
        if FUSED.search(path) and value.ndim == 3 and value.shape[-1] % 3 == 0:
            found.update(zip("qkv", np.split(real(value), 3, -1), strict=True))
        for name, pattern in (("q", QUERY), ("k", KEY), ("v", VALUE), ("p", POSITION)):
            if pattern.search(path):
                found[name] = _merged(real(value if value.ndim > 2 else value[None]))
    if not set(found) >= set("qkv") or any(part.ndim != 3 for part in found.values()):
        return None
    positions = found.get("p")
    if positions is not None and positions.shape[1] != 2 * found["k"].shape[1] - 1:
        positions = None
    masks = {
        key: value
        for key, value in case.context.items()
        if _is_mask(key, value, found["k"].shape[1])
    }
    return Projected(
        found["q"],
        found["k"],
        found["v"],
        masks,
        positions,
        _biases(case.relatives.get(case.parent, {})),
    )


def _biases(weights: Mapping[str, Array]) -> dict[str, Array]:
    names = next((pair for pair in BIASES if set(pair) <= set(weights)), None)
    return (
        {}
        if names is None
        else {letter: real(weights[name]) for letter, name in zip("uv", names, strict=True)}
    )


def _is_mask(key: str, value: Array, keys: int) -> bool:
    """Called so, or made of zeros and ones, one per key."""
    if value.ndim < 2 or value.shape[-1] != keys:
        return False
    return (
        value.dtype.kind == "b"
        or bool(MASK.search(key.rpartition(":")[2]))
        or bool(np.isin(value, (0, 1)).all())
    )


def _merged(value: Array) -> Array:
    """[batch, heads, time, width] or [batch, time, heads, width] as [batch, time, features]: the longer middle axis is time."""
    if value.ndim != 4:
        return value
    batch, one, two, width = value.shape
    if one <= two:
        return value.transpose(0, 2, 1, 3).reshape(batch, two, one * width)
    return value.reshape(batch, one, two * width)


def readings(case: LayerCase, parts: Projected) -> Iterator[Reading]:
    """Every usual reading."""
    width = parts.q.shape[-1]
    module = case.attributes.get(case.parent)
    told = [
        int(module.attributes[name])
        for name in HEADS
        if module is not None and isinstance(module.attributes.get(name), int)
    ]
    masks = ["none"]
    if parts.q.shape[1] == parts.k.shape[1]:
        masks += ["causal", "anti-causal"]
    masks += [f"{how}:{name}" for name in parts.masks for how in ("keep", "drop", "add")]
    for heads in told[:1] or [h for h in (1, 2, 4, 8, 16) if width % h == 0]:
        for mask in masks:
            for rope, relative in _turns(parts):
                for scale in ("1/sqrt(head)", "1", "1/sqrt(model)", "1/head"):
                    reading = Reading(
                        heads,
                        scale,
                        mask,
                        rope,
                        relative=relative,
                        biases="u, v" if parts.biases else "none",
                    )
                    yield reading
                    if parts.biases:
                        yield replace(reading, biases="v, u")
                        yield replace(reading, biases="none")
                    if rope != "none" and scale == "1/sqrt(head)":
                        yield replace(reading, offset=1)
                        yield replace(reading, base=500000.0)


def _turns(parts: Projected) -> Iterator[tuple[str, str]]:
    """How positions may count: by rotation, or by scores of their own."""
    if parts.positions is None:
        yield from ((rope, "none") for rope in ROPES)
    else:
        yield from (("none", relative) for relative in (*SHIFTS, "none"))


def attend(reading: Reading, parts: Projected, rows: Array | None = None) -> Array | None:
    """The result [batch, time, features], for some query frames or all."""
    q, k, v = (_split(part, reading.heads) for part in (parts.q, parts.k, parts.v))
    width = q.shape[-1]
    if reading.rope != "none":
        if width % 2:
            return None
        how = reading.rope == "interleaved"
        q = ops.rotary(q, interleaved=how, offset=reading.offset, base=reading.base)
        k = ops.rotary(k, interleaved=how, base=reading.base)
    rows = np.arange(q.shape[2]) if rows is None else rows
    scale = {
        "1/sqrt(head)": 1 / sqrt(width),
        "1": 1.0,
        "1/sqrt(model)": 1 / sqrt(parts.q.shape[-1]),
        "1/head": 1 / width,
    }[reading.scale]
    bias = _bias(reading.mask, parts, q.shape[2], k.shape[2])
    if bias is None:
        return None
    bias, q = bias[:, :, rows] if bias.shape[2] > 1 else bias, q[:, :, rows]
    if parts.positions is not None:
        content, position = (_held(parts, reading, which, q) for which in (0, 1))
        if reading.relative != "none":
            p = _split(parts.positions, reading.heads)
            bias = bias + scale * relative_scores(q + position, p, rows, reading.relative)
        q = q + content
    result = ops.attention(q, k, v, scale, bias)
    return result.transpose(0, 2, 1, 3).reshape(q.shape[0], len(rows), -1)


def _held(parts: Projected, reading: Reading, which: int, q: Array) -> Array:
    """The bias of the content (0) or position (1) term, [heads, 1, width]."""
    if reading.biases == "none":
        return np.zeros((1, 1, 1))
    held = parts.biases[reading.biases.split(", ")[which]]
    return (
        held.reshape(q.shape[1], 1, q.shape[3])
        if held.size == q.shape[1] * q.shape[3]
        else np.zeros((1, 1, 1))
    )


def relative_scores(q: Array, positions: Array, rows: Array, how: str) -> Array:
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
    inside = (place >= 0) & (place < positions.shape[2])
    taken = np.take_along_axis(
        scores,
        np.clip(place, 0, positions.shape[2] - 1)[None, None] + np.zeros_like(scores[..., :1], int),
        -1,
    )
    return np.where(inside, taken, 0.0)


def _split(x: Array, heads: int) -> Array:
    batch, time, width = x.shape
    return x.reshape(batch, time, heads, width // heads).transpose(0, 2, 1, 3)


def _bias(mask: str, parts: Projected, queries: int, keys: int) -> Array | None:
    """What is added to the scores, [batch or 1, 1, queries or 1, keys]."""
    if mask == "none":
        return np.zeros((1, 1, 1, keys))
    if mask in {"causal", "anti-causal"}:
        seen = np.tril(np.ones((queries, keys), bool))
        return np.where(seen if mask == "causal" else seen.T, 0.0, -np.inf)[None, None]
    how, _, name = mask.partition(":")
    held = parts.masks[name]
    shaped = _mask_shape(held, parts.q.shape[0], queries, keys)
    if shaped is None:
        return None
    if how == "add":
        return real(shaped)
    if held.dtype.kind == "f" and not np.isin(held, (0.0, 1.0)).all():
        return None  # additive numbers are no yes and no
    kept = shaped.astype(bool) if how == "keep" else ~shaped.astype(bool)
    return np.where(kept, 0.0, -np.inf)


def _mask_shape(mask: Array, batch: int, queries: int, keys: int) -> Array | None:
    if mask.ndim == 2 and mask.shape == (queries, keys):
        return mask[None, None]
    if mask.ndim == 2 and mask.shape == (batch, keys):
        return mask[:, None, None, :]
    if mask.ndim == 3 and mask.shape[-1] == keys:
        return mask[:, None]
    if mask.ndim == 4 and mask.shape[-1] == keys:
        return mask[:, :1]
    return None


def fitting(
    target: Array, options: list[Reading], parts: Projected, limit: float
) -> list[tuple[Reading, float]]:
    """Readings that give the target (in any of the layouts of heads) within the limit, nearest first."""
    wanted = _merged(real(target)) if target.ndim == 4 else real(target)
    if wanted.ndim != 3 or wanted.shape[:2] != parts.q.shape[:2]:
        return []
    rows = np.unique(np.linspace(0, wanted.shape[1] - 1, SCREENED).astype(int))
    found = []
    for reading in options:
        drawn = attend(reading, parts, rows)
        if (
            drawn is None
            or drawn.shape != wanted[:, rows].shape
            or error(drawn, wanted[:, rows]) > 2 * limit + 1e-9
        ):
            continue
        given = attend(reading, parts)
        if given is not None and (missed := error(given, wanted)) <= limit:
            found.append((reading, missed))
    return sorted(found, key=lambda pair: pair[1])
