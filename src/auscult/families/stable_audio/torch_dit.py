"""The diffusion transformer of Stable Audio Open in PyTorch. Source: stable-audio-tools 0.0.19, models/dit.py, transformer.py."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families.stable_audio.config import ROTARY_BASE, Config


class Prepared(NamedTuple):
    """What depends on the conditioning alone: the projected global vector, and each layer's keys and values of the prompt."""

    globals: Tensor
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]


def rotary_frequencies(config: Config) -> Tensor:
    """[rotary]: base ** (-i / rotary)."""
    return ROTARY_BASE ** -(torch.arange(config.rotary, dtype=torch.float32) / config.rotary)


class TimeFeatures(nn.Module):
    """[batch] -> [batch, 2 * features]: cosines, then sines, of 2 pi times it and the weights."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features, 1))

    def forward(self, t: Tensor) -> Tensor:
        angles = (2 * torch.pi) * t[:, None] @ self.weight.T
        return torch.cat((angles.cos(), angles.sin()), dim=-1)


class LayerNorm(nn.Module):
    """A layer norm whose shift is a zero buffer."""

    beta: Tensor

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(width))
        self.register_buffer("beta", torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], self.gamma, self.beta, self.eps)


class Attention(nn.Module):
    """Heads with normed queries and keys. Subclasses differ in where keys and values come from."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.to_out = nn.Linear(config.width, config.width, bias=False)
        if config.qk_norm:
            self.q_norm: nn.Module = nn.LayerNorm(config.head_dim, config.qk_norm_eps)
            self.k_norm: nn.Module = nn.LayerNorm(config.head_dim, config.qk_norm_eps)
        else:
            self.q_norm, self.k_norm = nn.Identity(), nn.Identity()

    def split(self, x: Tensor) -> Tensor:
        """[batch, frames, heads * head_dim] -> [batch, heads, frames, head_dim]."""
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Softmax attention with the usual scale; keys of fewer heads are shared by neighbouring queries."""
        mixed = functional.scaled_dot_product_attention(
            q, k, v, enable_gqa=k.shape[1] != q.shape[1]
        )
        return self.to_out(mixed.transpose(1, 2).flatten(2))


class SelfAttention(Attention):
    """Over all frames, with rotary positions."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.to_qkv = nn.Linear(config.width, 3 * config.width, bias=False)

    def forward(self, x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        q, k, v = (self.split(part) for part in self.to_qkv(x).chunk(3, dim=-1))
        q, k = rotated(self.q_norm(q), cosines, sines), rotated(self.k_norm(k), cosines, sines)
        return self.attend(q, k, v)


class CrossAttention(Attention):
    """Over the conditioning, whose keys and values are made once."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.to_q = nn.Linear(config.width, config.width, bias=False)
        self.to_kv = nn.Linear(config.cond_width, 2 * config.cond_width, bias=False)

    def keys_and_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Each [batch, heads, tokens, head_dim]."""
        k, v = (self.split(part) for part in self.to_kv(context).chunk(2, dim=-1))
        return self.k_norm(k), v

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        return self.attend(self.q_norm(self.split(self.to_q(x))), keys, values)


class GatedLinear(nn.Module):
    """Twice as wide; the first half times SiLU of the second."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.proj = nn.Linear(source, 2 * target)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * functional.silu(gate)


class FeedForward(nn.Module):
    """SwiGLU and a projection back."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.ff = nn.Sequential(
            GatedLinear(config.width, config.hidden),
            nn.Identity(),
            nn.Linear(config.hidden, config.width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.ff(x)


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

    def forward(
        self, x: Tensor, cosines: Tensor, sines: Tensor, keys: Tensor, values: Tensor
    ) -> Tensor:
        x = x + self.self_attn(self.pre_norm(x), cosines, sines)
        x = x + self.cross_attn(self.cross_attend_norm(x), keys, values)
        return x + self.ff(self.ff_norm(x))


class Rotary(nn.Module):
    """Cosines and sines [frames, rotary] of positions 0, 1, ..."""

    inv_freq: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.register_buffer("inv_freq", rotary_frequencies(config))

    def forward(self, frames: int) -> tuple[Tensor, Tensor]:
        positions = torch.arange(frames, dtype=torch.float32, device=self.inv_freq.device)
        angles = positions[:, None] * self.inv_freq.float()
        return angles.cos(), angles.sin()


def rotated(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """The first 2 * rotary features of a head turned by their position, halves paired; in float32."""
    half = cosines.shape[-1]
    first, second, rest = x[..., :half].float(), x[..., half : 2 * half].float(), x[..., 2 * half :]
    turned = torch.cat((first * cosines - second * sines, second * cosines + first * sines), dim=-1)
    return torch.cat((turned.to(x.dtype), rest), dim=-1)


class Stack(nn.Module):
    """Projections round the blocks; [batch, frames, latent + concat] with the global vector as frame 0."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.project_in = nn.Linear(config.latent + config.concat, config.width, bias=False)
        self.project_out = nn.Linear(config.width, config.latent, bias=False)
        self.rotary_pos_emb = Rotary(config)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.depth))

    def forward(self, x: Tensor, first: Tensor, prepared: Prepared) -> Tensor:
        x = torch.cat((first[:, None], self.project_in(x)), dim=1)
        cosines, sines = self.rotary_pos_emb(x.shape[1])
        for layer, keys, values in zip(self.layers, prepared.keys, prepared.values, strict=True):
            x = layer(x, cosines, sines, keys, values)
        return self.project_out(x)


def _projection(source: int, target: int, *, bias: bool = False) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(source, target, bias=bias), nn.SiLU(), nn.Linear(target, target, bias=bias)
    )


class Transformer(nn.Module):
    """`forward(x [batch, latent, frames], t [batch], cross, globals)` gives [batch, latent, frames]."""

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

    def prepare(self, cross: Tensor, globals: Tensor) -> Prepared:
        """What stays the same over all steps of a run."""
        context = self.to_cond_embed(cross)
        pairs = [layer.cross_attn.keys_and_values(context) for layer in self.transformer.layers]  # type: ignore[union-attr, operator]
        return Prepared(
            self.to_global_embed(globals), tuple(k for k, _ in pairs), tuple(v for _, v in pairs)
        )

    def velocity(
        self, x: Tensor, t: Tensor, prepared: Prepared, concat: Tensor | None = None
    ) -> Tensor:
        """As `forward`, for prepared conditioning."""
        if concat is not None:
            x = torch.cat((x, concat), dim=1)
        first = prepared.globals + self.to_timestep_embed(self.timestep_features(t))
        x = (self.preprocess_conv(x) + x).transpose(1, 2)
        x = self.transformer(x, first, prepared)[:, 1:].transpose(1, 2)
        return self.postprocess_conv(x) + x

    def forward(
        self, x: Tensor, t: Tensor, cross: Tensor, globals: Tensor, concat: Tensor | None = None
    ) -> Tensor:
        return self.velocity(x, t, self.prepare(cross, globals), concat)
