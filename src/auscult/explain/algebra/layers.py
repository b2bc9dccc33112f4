"""Textbook forms of the layers of audio models in NumPy, float64: what a layer should compute, and what a mistaken one does.

Slow and plain: they are run on one layer at a time. Sequences are channel-first, [batch, channels, time], unless said otherwise.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import erf, expit

from auscult.weights import Array

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
_NUMPY_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad_time(x: Array, left: int, right: int, mode: PaddingMode = "zeros") -> Array | None:
    """Pad (or, if negative, cut) the last axis; None where the mode cannot (a reflection longer than the signal)."""
    if mode == "reflect" and max(left, right) >= x.shape[-1]:
        return None
    cut = x[..., max(-left, 0) : x.shape[-1] - max(-right, 0)]
    widths = [(0, 0)] * (x.ndim - 1) + [(max(left, 0), max(right, 0))]
    return np.pad(cut, widths, mode=_NUMPY_MODES[mode])  # type: ignore[no-any-return, call-overload]


def conv1d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> Array:
    """Unpadded correlation of x [batch, in, time] with weight [out, in / groups, kernel]."""
    out, _, kernel = weight.shape
    span = (kernel - 1) * dilation + 1
    frames = (x.shape[-1] - span) // stride + 1
    windows = np.lib.stride_tricks.sliding_window_view(x, span, axis=-1)[
        :, :, : (frames - 1) * stride + 1 : stride, ::dilation
    ]
    parts = [
        np.einsum("bctk,ock->bot", chunk, part, optimize=True)
        for chunk, part in zip(
            np.split(windows, groups, 1), np.split(weight, groups, 0), strict=True
        )
    ]
    y = np.concatenate(parts, 1)
    if bias is None:
        return y
    return y + bias.reshape(1, out, 1)


def conv_transpose1d(
    x: Array, weight: Array, bias: Array | None = None, *, stride: int = 1, groups: int = 1
) -> Array:
    """Untrimmed transposed convolution of x [batch, in, time] with weight [in, out / groups, kernel]."""
    kernel = weight.shape[-1]
    batch, _, frames = x.shape
    out = weight.shape[1] * groups
    full = np.zeros((batch, out, (frames - 1) * stride + kernel))
    taps = np.concatenate(
        [
            np.einsum("bct,cok->botk", chunk, part, optimize=True)
            for chunk, part in zip(np.split(x, groups, 1), np.split(weight, groups, 0), strict=True)
        ],
        1,
    )
    for k in range(kernel):
        full[:, :, k : k + (frames - 1) * stride + 1 : stride] += taps[..., k]
    if bias is None:
        return full
    return full + bias.reshape(1, out, 1)


def normalise_axes(
    x: Array,
    axes: tuple[int, ...],
    eps: float,
    *,
    centre: bool = True,
    outside: bool = False,
    ddof: int = 0,
) -> Array:
    """Zero mean (if `centre`) and unit deviation over `axes`; eps is added to the variance, or `outside` to the deviation."""
    centred = x - x.mean(axes, keepdims=True) if centre else x
    count = np.prod([x.shape[axis] for axis in axes])
    variance = (centred**2).sum(axes, keepdims=True) / max(count - ddof, 1)
    if outside:
        return centred / (np.sqrt(variance) + eps)  # type: ignore[no-any-return]
    return centred / np.sqrt(variance + eps)  # type: ignore[no-any-return]


def softmax(x: Array, axis: int = -1) -> Array:
    """Rows of nothing but -inf give NaN, as they do in torch and MLX."""
    with np.errstate(invalid="ignore"):
        powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)  # type: ignore[no-any-return]


def apply_attention(q: Array, k: Array, v: Array, scale: float, bias: Array | None = None) -> Array:
    """softmax(scale q k' + bias) v for [batch, heads, time, width]."""
    scores = np.einsum("bhqd,bhkd->bhqk", q, k, optimize=True) * scale
    weights = softmax(scores if bias is None else scores + bias)
    return np.einsum("bhqk,bhkd->bhqd", weights, v, optimize=True)  # type: ignore[no-any-return]


def apply_rotary(
    x: Array,
    *,
    interleaved: bool,
    base: float = 10000.0,
    offset: float = 0.0,
    width: int = 0,
    sign: float = 1.0,
) -> Array:
    """Rotary position embedding of x [..., time, features] over its first `width` features (all, if 0).

    Pairs are (2i, 2i+1) if interleaved, (i, i + width/2) otherwise (Su et al. 2021; GPT-NeoX).
    """
    width = width or x.shape[-1]
    half = width // 2
    angles = sign * (np.arange(x.shape[-2]) + offset)[:, None] * base ** (-np.arange(half) / half)
    cos, sin = np.cos(angles), np.sin(angles)
    head, tail = x[..., :width], x[..., width:]
    if interleaved:
        first, second = (head[..., 0::2], head[..., 1::2])
    else:
        first, second = (head[..., :half], head[..., half:])
    turned = (first * cos - second * sin, first * sin + second * cos)
    if interleaved:
        mixed = np.stack(turned, -1).reshape(head.shape)
    else:
        mixed = np.concatenate(turned, -1)
    return np.concatenate([mixed, tail], -1)


def make_sinusoids(
    positions: Array,
    width: int,
    *,
    order: Literal["sin-cos", "cos-sin", "interleaved"] = "sin-cos",
    shift: int = 0,
    base: float = 10000.0,
) -> Array:
    """Sinusoidal features [..., width] of positions [...]; frequencies base ** (-i / (width / 2 - shift))."""
    half = width // 2
    angles = positions[..., None] * base ** (-np.arange(half) / max(half - shift, 1))
    return arrange_sinusoids(np.sin(angles), np.cos(angles), order)


def arrange_sinusoids(sin: Array, cos: Array, order: str) -> Array:
    """Sines and cosines of the same angles in one of the usual orders along the last axis."""
    if order == "interleaved":
        return np.stack([sin, cos], -1).reshape(*sin.shape[:-1], -1)
    return np.concatenate([sin, cos] if order == "sin-cos" else [cos, sin], -1)


def gelu(x: Array) -> Array:
    """The exact GELU, x Φ(x)."""
    return x * 0.5 * (1 + erf(x / np.sqrt(2)))  # type: ignore[no-any-return]


def gelu_tanh(x: Array) -> Array:
    """GELU's tanh approximation (`gelu_new`)."""
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))  # type: ignore[no-any-return]


def gelu_fast(x: Array) -> Array:
    """GELU as x sigmoid(1.702 x) (`quick_gelu`, MLX's `gelu_fast_approx`)."""
    return x * expit(1.702 * x)


def softplus(x: Array) -> Array:
    return np.logaddexp(0.0, x)


def mish(x: Array) -> Array:
    """x tanh(softplus(x))."""
    return x * np.tanh(softplus(x))


def elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


def overlap_add(frames: Array, hop: int) -> Array:
    """Sum of frames [..., count, length], each `hop` later than the one before: [..., (count - 1) hop + length]."""
    count, length = frames.shape[-2:]
    total = np.zeros((*frames.shape[:-2], (count - 1) * hop + length))
    for index in range(count):
        total[..., index * hop : index * hop + length] += frames[..., index, :]
    return total
