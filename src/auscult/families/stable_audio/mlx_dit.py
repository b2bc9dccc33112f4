"""The diffusion transformer of Stable Audio Open in MLX, channel-last. Source: as `torch_dit`."""

from __future__ import annotations

from typing import NamedTuple

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.families.stable_audio.config import ROTARY_BASE, Config


class Prepared(NamedTuple):
    """What depends on the conditioning alone: the projected global vector, and each layer's keys and values of the prompt."""

    globals: mx.array
    keys: tuple[mx.array, ...]
    values: tuple[mx.array, ...]


def rotary_frequencies(config: Config) -> mx.array:
    """[rotary]: base ** (-i / rotary)."""
    return mx.array((ROTARY_BASE ** -(np.arange(config.rotary) / config.rotary)).astype(np.float32))


class TimeFeatures(nn.Module):
    """[batch] -> [batch, 2 * features]: cosines, then sines, of 2 pi times it and the weights."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = mx.random.normal((features, 1))

    def __call__(self, t: mx.array) -> mx.array:
        angles = (2 * np.pi) * t[:, None] * self.weight[:, 0]
        return mx.concatenate([mx.cos(angles), mx.sin(angles)], axis=-1)


class LayerNorm(nn.Module):
    """A layer norm whose shift is a zero buffer."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = mx.ones((width,))
        self.beta = mx.zeros((width,))

    def __call__(self, x: mx.array) -> mx.array:
        return mx.fast.layer_norm(x, self.gamma, self.beta, self.eps)


class Attention(nn.Module):
    """Heads with normed queries and keys. Subclasses differ in where keys and values come from."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.to_out = nn.Linear(config.width, config.width, bias=False)
        if config.qk_norm:
            self.q_norm = nn.LayerNorm(config.head_dim, config.qk_norm_eps)
            self.k_norm = nn.LayerNorm(config.head_dim, config.qk_norm_eps)
        else:
            self.q_norm, self.k_norm = nn.Identity(), nn.Identity()

    def split(self, x: mx.array) -> mx.array:
        """[batch, frames, heads * head_dim] -> [batch, heads, frames, head_dim]."""
        batch, frames, _ = x.shape
        return x.reshape(batch, frames, -1, self.head_dim).transpose(0, 2, 1, 3)

    def attend(self, q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        """Softmax attention with the usual scale; keys of fewer heads are shared by neighbouring queries."""
        mixed = mx.fast.scaled_dot_product_attention(q, k, v, scale=self.head_dim**-0.5)
        batch, _, frames, _ = mixed.shape
        return self.to_out(mixed.transpose(0, 2, 1, 3).reshape(batch, frames, -1))


class SelfAttention(Attention):
    """Over all frames, with rotary positions."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.to_qkv = nn.Linear(config.width, 3 * config.width, bias=False)

    def __call__(self, x: mx.array, cosines: mx.array, sines: mx.array) -> mx.array:
        q, k, v = (self.split(part) for part in mx.split(self.to_qkv(x), 3, axis=-1))
        q, k = rotated(self.q_norm(q), cosines, sines), rotated(self.k_norm(k), cosines, sines)
        return self.attend(q, k, v)


class CrossAttention(Attention):
    """Over the conditioning, whose keys and values are made once."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.to_q = nn.Linear(config.width, config.width, bias=False)
        self.to_kv = nn.Linear(config.cond_width, 2 * config.cond_width, bias=False)

    def keys_and_values(self, context: mx.array) -> tuple[mx.array, mx.array]:
        """Each [batch, heads, tokens, head_dim]."""
        k, v = (self.split(part) for part in mx.split(self.to_kv(context), 2, axis=-1))
        return self.k_norm(k), v

    def __call__(self, x: mx.array, keys: mx.array, values: mx.array) -> mx.array:
        return self.attend(self.q_norm(self.split(self.to_q(x))), keys, values)


class GatedLinear(nn.Module):
    """Twice as wide; the first half times SiLU of the second."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.proj = nn.Linear(source, 2 * target)

    def __call__(self, x: mx.array) -> mx.array:
        value, gate = mx.split(self.proj(x), 2, axis=-1)
        return value * nn.silu(gate)


class FeedForward(nn.Module):
    """SwiGLU and a projection back."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.ff = [
            GatedLinear(config.width, config.hidden),
            nn.Identity(),
            nn.Linear(config.hidden, config.width),
        ]

    def __call__(self, x: mx.array) -> mx.array:
        return self.ff[2](self.ff[0](x))


class Block(nn.Module):
    """Self-attention, attention to the conditioning, feed-forward; each normed before and added."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.pre_norm = LayerNorm(config.width, config.norm_eps)
        self.self_attn = SelfAttention(config)
        self.cross_attend_norm = LayerNorm(config.width, config.norm_eps)
        self.cross_attn = CrossAttention(config)
        self.ff_norm = LayerNorm(config.width, config.norm_eps)
        self.ff = FeedForward(config)

    def __call__(
        self, x: mx.array, cosines: mx.array, sines: mx.array, keys: mx.array, values: mx.array
    ) -> mx.array:
        x = x + self.self_attn(self.pre_norm(x), cosines, sines)
        x = x + self.cross_attn(self.cross_attend_norm(x), keys, values)
        return x + self.ff(self.ff_norm(x))


class Rotary(nn.Module):
    """Cosines and sines [frames, rotary] of positions 0, 1, ..."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.inv_freq = rotary_frequencies(config)

    def __call__(self, frames: int) -> tuple[mx.array, mx.array]:
        angles = mx.arange(frames, dtype=mx.float32)[:, None] * self.inv_freq
        return mx.cos(angles), mx.sin(angles)


def rotated(x: mx.array, cosines: mx.array, sines: mx.array) -> mx.array:
    """The first 2 * rotary features of a head turned by their position, halves paired."""
    half = cosines.shape[-1]
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return mx.concatenate(
        [first * cosines - second * sines, second * cosines + first * sines, rest], axis=-1
    )


class Stack(nn.Module):
    """Projections round the blocks; [batch, frames, latent + concat] with the global vector as frame 0."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.project_in = nn.Linear(config.latent + config.concat, config.width, bias=False)
        self.project_out = nn.Linear(config.width, config.latent, bias=False)
        self.rotary_pos_emb = Rotary(config)
        self.layers = [Block(config) for _ in range(config.depth)]

    def __call__(self, x: mx.array, first: mx.array, prepared: Prepared) -> mx.array:
        x = mx.concatenate([first[:, None], self.project_in(x)], axis=1)
        cosines, sines = self.rotary_pos_emb(x.shape[1])
        for layer, keys, values in zip(self.layers, prepared.keys, prepared.values, strict=True):
            x = layer(x, cosines, sines, keys, values)
        return self.project_out(x)


class Transformer(nn.Module):
    """Called with x [batch, frames, latent], t [batch], cross, globals; gives [batch, frames, latent]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        entry = config.latent + config.concat
        self.timestep_features = TimeFeatures(config.time_features)
        self.to_timestep_embed = _projection(2 * config.time_features, config.width, bias=True)
        self.to_cond_embed = _projection(config.cond_dim, config.cond_width)
        self.to_global_embed = _projection(config.global_dim, config.width)
        self.transformer = Stack(config)
        self.preprocess_conv = nn.Conv1d(entry, entry, 1, bias=False)
        self.postprocess_conv = nn.Conv1d(config.latent, config.latent, 1, bias=False)

    def prepare(self, cross: mx.array, globals: mx.array) -> Prepared:
        """What stays the same over all steps of a run."""
        context = _through(self.to_cond_embed, cross)
        pairs = [layer.cross_attn.keys_and_values(context) for layer in self.transformer.layers]
        return Prepared(
            _through(self.to_global_embed, globals),
            tuple(k for k, _ in pairs),
            tuple(v for _, v in pairs),
        )

    def velocity(
        self, x: mx.array, t: mx.array, prepared: Prepared, concat: mx.array | None = None
    ) -> mx.array:
        """As a call, for prepared conditioning."""
        if concat is not None:
            x = mx.concatenate([x, concat], axis=-1)
        first = prepared.globals + _through(self.to_timestep_embed, self.timestep_features(t))
        x = self.transformer(self.preprocess_conv(x) + x, first, prepared)[:, 1:]
        return self.postprocess_conv(x) + x

    def __call__(
        self,
        x: mx.array,
        t: mx.array,
        cross: mx.array,
        globals: mx.array,
        concat: mx.array | None = None,
    ) -> mx.array:
        return self.velocity(x, t, self.prepare(cross, globals), concat)


def _projection(source: int, target: int, *, bias: bool = False) -> list[nn.Module]:
    return [nn.Linear(source, target, bias=bias), nn.SiLU(), nn.Linear(target, target, bias=bias)]


def _through(layers: list[nn.Module], x: mx.array) -> mx.array:
    for layer in layers:
        x = layer(x)
    return x
