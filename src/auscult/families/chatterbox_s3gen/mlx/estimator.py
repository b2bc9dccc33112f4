"""The estimator of S3Gen's velocity in MLX: a U of one level, in which every residual block is followed by transformers.

Everything is [batch, time, channels].
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from mlx import nn

from auscult.families.chatterbox_s3gen.config import Flow
from auscult.families.chatterbox_s3gen.mlx.encoder import pad_time
from auscult.families.chatterbox_s3gen.positions import time_rates


class CausalConv(nn.Conv1d):
    """A convolution that sees the present and the past."""

    def __call__(self, x: mx.array) -> mx.array:
        return super().__call__(pad_time(x, before=self.weight.shape[1] - 1))


class Block(nn.Module):
    """Causal convolution, norm over the channels, Mish."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.block = [
            CausalConv(source, target, 3),
            nn.Identity(),
            nn.LayerNorm(target),
        ]  # torch counts its transposition

    def __call__(self, x: mx.array, mask: mx.array | None) -> mx.array:
        return masked(nn.mish(self.block[2](self.block[0](masked(x, mask)))), mask)


class Resnet(nn.Module):
    """Two blocks with the time embedding added between them, and the input through a 1x1 convolution."""

    def __init__(self, source: int, config: Flow) -> None:
        super().__init__()
        self.mlp = [nn.Identity(), nn.Linear(config.time, config.channels)]
        self.block1 = Block(source, config.channels)
        self.block2 = Block(config.channels, config.channels)
        self.res_conv = nn.Conv1d(source, config.channels, 1)

    def __call__(self, x: mx.array, time: mx.array, mask: mx.array | None) -> mx.array:
        """`time` [batch, 1, time width] has gone through Mish."""
        y = self.block2(self.block1(x, mask) + self.mlp[1](time), mask)
        return y + self.res_conv(masked(x, mask))


class Attention(nn.Module):
    """Self-attention over all frames."""

    def __init__(self, config: Flow) -> None:
        super().__init__()
        self.heads, self.scale = config.attention // config.head_width, config.head_width**-0.5
        self.to_q, self.to_k, self.to_v = (
            nn.Linear(config.channels, config.attention, bias=False) for _ in range(3)
        )
        self.to_out = [nn.Linear(config.attention, config.channels)]

    def __call__(self, x: mx.array, bias: mx.array | None) -> mx.array:
        batch, time, _ = x.shape
        query, key, value = (
            layer(x).reshape(batch, time, self.heads, -1).transpose(0, 2, 1, 3)
            for layer in (self.to_q, self.to_k, self.to_v)
        )
        mixed = mx.fast.scaled_dot_product_attention(query, key, value, scale=self.scale, mask=bias)
        return self.to_out[0](mixed.transpose(0, 2, 1, 3).reshape(batch, time, -1))


class Projection(nn.Module):
    """A linear layer and the exact GELU."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.proj = nn.Linear(source, target)

    def __call__(self, x: mx.array) -> mx.array:
        return nn.gelu(self.proj(x))


class FeedForward(nn.Module):
    """Wider, GELU, back."""

    def __init__(self, config: Flow) -> None:
        super().__init__()
        wide, back = (
            Projection(config.channels, config.feed_forward),
            nn.Linear(config.feed_forward, config.channels),
        )
        self.net = [wide, nn.Identity(), back]

    def __call__(self, x: mx.array) -> mx.array:
        return self.net[2](self.net[0](x))


class Transformer(nn.Module):
    """Attention and feed-forward, each after a norm and added to its input. There is a norm1 and a norm3, as in diffusers."""

    def __init__(self, config: Flow) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.channels)
        self.attn1 = Attention(config)
        self.norm3 = nn.LayerNorm(config.channels)
        self.ff = FeedForward(config)

    def __call__(self, x: mx.array, bias: mx.array | None) -> mx.array:
        x = x + self.attn1(self.norm1(x), bias)
        return x + self.ff(self.norm3(x))


class TimeMlp(nn.Module):
    """Sines of the time, then two linear layers with SiLU between: [batch] to [batch, time width]."""

    def __init__(self, config: Flow) -> None:
        super().__init__()
        self.scale, self._rates = config.time_scale, mx.array(time_rates(config.inputs))
        self.linear_1 = nn.Linear(config.inputs, config.time)
        self.linear_2 = nn.Linear(config.time, config.time)

    def __call__(self, time: mx.array) -> mx.array:
        angle = self.scale * time[:, None] * self._rates
        sines = mx.concatenate([mx.sin(angle), mx.cos(angle)], axis=-1)
        return self.linear_2(nn.silu(self.linear_1(sines)))


def stage(source: int, config: Flow, *, convolution: bool = False) -> list[Any]:
    """A residual block, a list of transformers, and at the ends of the U a convolution that its user applies.

    A list, for the released names have numbers here.
    """
    transformers = [Transformer(config) for _ in range(config.transformers)]
    ends = [CausalConv(config.channels, config.channels, 3)] if convolution else []
    return [Resnet(source, config), transformers, *ends]


def run(
    layers: list[Any], x: mx.array, time: mx.array, mask: mx.array | None, bias: mx.array | None
) -> mx.array:
    """The residual block and the transformers of a stage; `bias` [batch, 1, 1, time] is added to the attention's scores."""
    x = layers[0](x, time, mask)
    for transformer in layers[1]:
        x = transformer(x, bias)
    return x


class Estimator(nn.Module):
    """The velocity [batch, frames, mel_bins] at `x` of the same shape and `time` [batch] or [1].

    `mu` and `condition` have the shape of `x`, `speaker` is [batch, mel_bins]; `mask` [batch, frames, 1] is 1 where there is
    something, and None where no row is padded. `until` is meanflow's second time.
    """

    def __init__(self, config: Flow) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.time_mlp = TimeMlp(config)
        if config.meanflow:
            self.time_embed_mixer = nn.Linear(2 * config.time, config.time, bias=False)
        self.down_blocks = [stage(config.inputs, config, convolution=True)]
        self.mid_blocks = [stage(channels, config) for _ in range(config.mid_blocks)]
        self.up_blocks = [stage(2 * channels, config, convolution=True)]
        self.final_block = Block(channels, channels)
        self.final_proj = nn.Conv1d(channels, config.mel_bins, 1)

    def __call__(
        self,
        x: mx.array,
        mu: mx.array,
        speaker: mx.array,
        condition: mx.array,
        time: mx.array,
        *,
        mask: mx.array | None = None,
        until: mx.array | None = None,
    ) -> mx.array:
        embedded = nn.mish(self._time(time, until))[:, None]
        speaker = mx.broadcast_to(speaker[:, None], x.shape)
        h = mx.concatenate([x, mu, speaker, condition], axis=2)
        bias = None if mask is None else ((1.0 - mask) * -1e10).transpose(0, 2, 1)[:, None]
        down, up = self.down_blocks[0], self.up_blocks[0]
        skip = run(down, h, embedded, mask, bias)
        h = down[-1](masked(skip, mask))
        for middle in self.mid_blocks:
            h = run(middle, h, embedded, mask, bias)
        h = run(up, mx.concatenate([h, skip], axis=2), embedded, mask, bias)
        h = self.final_block(up[-1](masked(h, mask)), mask)
        return masked(self.final_proj(masked(h, mask)), mask)

    def _time(self, time: mx.array, until: mx.array | None) -> mx.array:
        embedded = self.time_mlp(time)
        if until is not None:
            embedded = self.time_embed_mixer(
                mx.concatenate([embedded, self.time_mlp(until)], axis=1)
            )
        return embedded


def masked(x: mx.array, mask: mx.array | None) -> mx.array:
    """x where the mask is 1, and 0 elsewhere; x itself without a mask."""
    return x if mask is None else x * mask
