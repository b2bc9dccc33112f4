"""The estimator of S3Gen's velocity in PyTorch: a U of one level, in which every residual block is followed by transformers.

Everything inside is [batch, time, channels], so that norms and attention need no transposition.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families._time_major import Conv1d
from auscult.families.chatterbox_s3gen.config import Flow
from auscult.families.chatterbox_s3gen.positions import time_rates


class CausalConv(Conv1d):
    """A convolution that sees the present and the past: [batch, time, channels]."""

    def forward(self, input: Tensor) -> Tensor:
        padded = functional.pad(input, (0, 0, self.kernel_size[0] - 1, 0))
        return super().forward(padded.transpose(1, 2)).transpose(1, 2)


class Pointwise(nn.Conv1d):
    """A convolution of width 1, as the matrix product that it is: [batch, time, channels]."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.linear(input, self.weight[..., 0], self.bias)


class Block(nn.Module):
    """Causal convolution, norm over the channels, Mish: [batch, time, source] to [batch, time, target]."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.block = nn.ModuleDict({"0": CausalConv(source, target, 3), "2": nn.LayerNorm(target)})

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = functional.mish(self.block["2"](self.block["0"](masked(x, mask))))
        return masked(x, mask)


class Resnet(nn.Module):
    """Two blocks with the time embedding added between them, and the input through a 1x1 convolution."""

    def __init__(self, source: int, config: Flow) -> None:
        super().__init__()
        self.mlp = nn.ModuleDict({"1": nn.Linear(config.time, config.channels)})
        self.block1 = Block(source, config.channels)
        self.block2 = Block(config.channels, config.channels)
        self.res_conv = Pointwise(source, config.channels, 1)

    def forward(self, x: Tensor, time: Tensor, mask: Tensor | None) -> Tensor:
        """`time` [batch, 1, time width] has gone through Mish."""
        y = self.block2(self.block1(x, mask) + self.mlp["1"](time), mask)
        skip: Tensor = self.res_conv(masked(x, mask))
        return y + skip


class Attention(nn.Module):
    """Self-attention over all frames: [batch, time, channels]."""

    def __init__(self, config: Flow) -> None:
        super().__init__()
        self.heads = config.attention // config.head_width
        self.to_q, self.to_k, self.to_v = (
            nn.Linear(config.channels, config.attention, bias=False) for _ in range(3)
        )
        self.to_out = nn.ModuleList((nn.Linear(config.attention, config.channels),))

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        batch, time, _ = x.shape
        query, key, value = (
            layer(x).view(batch, time, self.heads, -1).transpose(1, 2)
            for layer in (self.to_q, self.to_k, self.to_v)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        out: Tensor = self.to_out[0](mixed.transpose(1, 2).reshape(batch, time, -1))
        return out


class Projection(nn.Module):
    """A linear layer and the exact GELU."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.proj = nn.Linear(source, target)

    def forward(self, x: Tensor) -> Tensor:
        return functional.gelu(self.proj(x))


class FeedForward(nn.Module):
    """Wider, GELU, back: [batch, time, channels]."""

    def __init__(self, config: Flow) -> None:
        super().__init__()
        wide, back = (
            Projection(config.channels, config.feed_forward),
            nn.Linear(config.feed_forward, config.channels),
        )
        self.net = nn.ModuleDict({"0": wide, "2": back})

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net["2"](self.net["0"](x))
        return y


class Transformer(nn.Module):
    """Attention and feed-forward, each after a norm and added to its input. There is a norm1 and a norm3, as in diffusers."""

    def __init__(self, config: Flow) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.channels)
        self.attn1 = Attention(config)
        self.norm3 = nn.LayerNorm(config.channels)
        self.ff = FeedForward(config)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        x = x + self.attn1(self.norm1(x), bias)
        y: Tensor = x + self.ff(self.norm3(x))
        return y


class TimeMlp(nn.Module):
    """Sines of the time, then two linear layers with SiLU between: [batch] to [batch, time width]."""

    rates: Tensor

    def __init__(self, config: Flow) -> None:
        super().__init__()
        self.scale = config.time_scale
        self.linear_1 = nn.Linear(config.inputs, config.time)
        self.linear_2 = nn.Linear(config.time, config.time)
        self.register_buffer("rates", torch.from_numpy(time_rates(config.inputs)), persistent=False)

    def forward(self, time: Tensor) -> Tensor:
        angle = self.scale * time[:, None] * self.rates
        sines = torch.cat((angle.sin(), angle.cos()), dim=-1)
        y: Tensor = self.linear_2(functional.silu(self.linear_1(sines)))
        return y


class Stage(nn.ModuleList):
    """A residual block, transformers, and at the ends of the U a convolution that its user applies."""

    def __init__(self, source: int, config: Flow, *, convolution: bool = False) -> None:
        transformers = nn.ModuleList(Transformer(config) for _ in range(config.transformers))
        ends = (CausalConv(config.channels, config.channels, 3),) if convolution else ()
        super().__init__((Resnet(source, config), transformers, *ends))

    def forward(self, x: Tensor, time: Tensor, mask: Tensor | None, bias: Tensor | None) -> Tensor:
        """`bias` [batch, 1, 1, time] is added to the attention's scores."""
        x = self[0](x, time, mask)
        for transformer in cast(nn.ModuleList, self[1]):
            x = transformer(x, bias)
        return x


class Estimator(nn.Module):
    """The velocity [batch, mel_bins, frames] at `x` of the same shape and `time` [batch] or [1].

    `mu` and `condition` have the shape of `x`, `speaker` is [batch, mel_bins]; `mask` [batch, 1, frames] is 1 where there is
    something, and None where no row is padded. `until` is meanflow's second time.
    """

    def __init__(self, config: Flow) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.time_mlp = TimeMlp(config)
        if config.meanflow:
            self.time_embed_mixer = nn.Linear(2 * config.time, config.time, bias=False)
        self.down_blocks = nn.ModuleList((Stage(config.inputs, config, convolution=True),))
        self.mid_blocks = nn.ModuleList(Stage(channels, config) for _ in range(config.mid_blocks))
        self.up_blocks = nn.ModuleList((Stage(2 * channels, config, convolution=True),))
        self.final_block = Block(channels, channels)
        self.final_proj = Pointwise(channels, config.mel_bins, 1)

    def forward(
        self,
        x: Tensor,
        mu: Tensor,
        speaker: Tensor,
        condition: Tensor,
        time: Tensor,
        *,
        mask: Tensor | None = None,
        until: Tensor | None = None,
    ) -> Tensor:
        embedded = functional.mish(self._time(time, until))[:, None]
        speaker = speaker[:, :, None].expand(-1, -1, x.shape[-1])
        h = torch.cat((x, mu, speaker, condition), dim=1).transpose(1, 2)
        bias = None
        if mask is not None:
            mask = mask.transpose(1, 2)
            bias = ((1.0 - mask) * -1e10).transpose(1, 2)[:, None]
        down, up = (cast(Stage, stages[0]) for stages in (self.down_blocks, self.up_blocks))
        skip = down(h, embedded, mask, bias)
        h = down[-1](masked(skip, mask))
        for stage in self.mid_blocks:
            h = stage(h, embedded, mask, bias)
        h = up(torch.cat((h, skip), dim=2), embedded, mask, bias)
        h = self.final_block(up[-1](masked(h, mask)), mask)
        return masked(self.final_proj(masked(h, mask)), mask).transpose(1, 2)

    def _time(self, time: Tensor, until: Tensor | None) -> Tensor:
        embedded: Tensor = self.time_mlp(time)
        if until is not None:
            embedded = self.time_embed_mixer(torch.cat((embedded, self.time_mlp(until)), dim=1))
        return embedded


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """x where the mask is 1, and 0 elsewhere; x itself without a mask."""
    return x if mask is None else x * mask
