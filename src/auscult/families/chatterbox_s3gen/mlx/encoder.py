"""The conformer encoder of S3Gen's flow in MLX: token embeddings to twice as many frames. All [batch, time, width]."""

from __future__ import annotations

from math import sqrt

import mlx.core as mx
from mlx import nn

from auscult.families.chatterbox_s3gen.config import Flow
from auscult.families.chatterbox_s3gen.positions import relative_positions


class Embed(nn.Module):
    """Linear, norm, times √width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = [nn.Linear(width, width), nn.LayerNorm(width)]
        self.scale = sqrt(width)

    def __call__(self, x: mx.array) -> mx.array:
        for layer in self.out:
            x = layer(x)
        return x * self.scale


class PreLookahead(nn.Module):
    """A convolution that sees three tokens ahead, one that sees two back, added to the input."""

    def __init__(self, width: int, lookahead: int) -> None:
        super().__init__()
        self.lookahead = lookahead
        self.conv1 = nn.Conv1d(width, width, lookahead + 1)
        self.conv2 = nn.Conv1d(width, width, 3)

    def __call__(self, x: mx.array) -> mx.array:
        y = nn.leaky_relu(self.conv1(pad_time(x, after=self.lookahead)))
        return x + self.conv2(pad_time(y, before=2))


class Upsample(nn.Module):
    """Every frame repeated, then a causal convolution."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.ratio = ratio
        self.conv = nn.Conv1d(width, width, 2 * ratio + 1)

    def __call__(self, x: mx.array) -> mx.array:
        return self.conv(pad_time(mx.repeat(x, self.ratio, axis=1), before=2 * self.ratio))


class RelativeAttention(nn.Module):
    """Self-attention with a learned score for the distance (Dai et al. 2019, as ESPnet has it)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.linear_q, self.linear_k, self.linear_v, self.linear_out = (
            nn.Linear(width, width) for _ in range(4)
        )
        self.linear_pos = nn.Linear(width, width, bias=False)
        self.pos_bias_u = mx.zeros((heads, width // heads))
        self.pos_bias_v = mx.zeros((heads, width // heads))

    def __call__(self, x: mx.array, positions: mx.array, mask: mx.array | None) -> mx.array:
        """`positions` [2 * time - 1, width], the farthest ahead first; `mask` [batch, 1, 1, time] is 0 or -inf."""
        batch, time, width = x.shape
        size = width // self.heads
        query = self.linear_q(x).reshape(batch, time, self.heads, size)
        key, value = (
            layer(x).reshape(batch, time, self.heads, size).transpose(0, 2, 1, 3)
            for layer in (self.linear_k, self.linear_v)
        )
        distance = (
            self.linear_pos(positions).reshape(2 * time - 1, self.heads, size).transpose(1, 2, 0)
        )
        bias = shift((query + self.pos_bias_v).transpose(0, 2, 1, 3) @ distance) / sqrt(size)
        if mask is not None:
            bias = bias + mask
        content = (query + self.pos_bias_u).transpose(0, 2, 1, 3)
        mixed = mx.fast.scaled_dot_product_attention(
            content, key, value, scale=1 / sqrt(size), mask=bias
        )
        return self.linear_out(mixed.transpose(0, 2, 1, 3).reshape(batch, time, width))


def shift(scores: mx.array) -> mx.array:
    """Scores by distance [..., time, 2 * time - 1] to scores by key [..., time, time]: a row starts one later than the next."""
    time = scores.shape[-2]
    index = mx.arange(time)[None] - mx.arange(time)[:, None] + time - 1
    return mx.take_along_axis(scores, mx.broadcast_to(index, (*scores.shape[:-1], time)), axis=-1)


class FeedForward(nn.Module):
    """Linear, SiLU, linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w_1 = nn.Linear(width, hidden)
        self.w_2 = nn.Linear(hidden, width)

    def __call__(self, x: mx.array) -> mx.array:
        return self.w_2(nn.silu(self.w_1(x)))


class ConformerLayer(nn.Module):
    """Attention and feed-forward, each after a norm and added to its input; no convolution module."""

    def __init__(self, config: Flow) -> None:
        super().__init__()
        self.self_attn = RelativeAttention(config.width, config.heads)
        self.feed_forward = FeedForward(config.width, config.hidden)
        self.norm_ff = nn.LayerNorm(config.width, eps=config.layer_eps)
        self.norm_mha = nn.LayerNorm(config.width, eps=config.layer_eps)

    def __call__(self, x: mx.array, positions: mx.array, mask: mx.array | None) -> mx.array:
        x = x + self.self_attn(self.norm_mha(x), positions, mask)
        return x + self.feed_forward(self.norm_ff(x))


class Encoder(nn.Module):
    """Called with x [batch, tokens, width], gives [batch, frames_per_token * tokens, width]."""

    def __init__(self, config: Flow) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embed, self.up_embed = Embed(width), Embed(width)
        self.after_norm = nn.LayerNorm(width)
        self.pre_lookahead_layer = PreLookahead(width, config.lookahead)
        self.up_layer = Upsample(width, config.frames_per_token)
        self.encoders, self.up_encoders = (
            [ConformerLayer(config) for _ in range(layers)] for layers in config.layers
        )

    def __call__(self, x: mx.array, lengths: mx.array | None = None) -> mx.array:
        """`lengths` [batch] are numbers of tokens; None where no row is padded."""
        x = self.pre_lookahead_layer(self.embed(x))
        x = run(self.encoders, x, lengths)
        x = self.up_embed(self.up_layer(x))
        x = run(
            self.up_encoders, x, None if lengths is None else lengths * self.config.frames_per_token
        )
        return self.after_norm(x)


def run(layers: list[ConformerLayer], x: mx.array, lengths: mx.array | None) -> mx.array:
    """All layers, over the frames that `lengths` [batch] leaves."""
    _, time, width = x.shape
    positions = mx.array(relative_positions(time, width))
    mask = None
    if lengths is not None:
        mask = mx.where(mx.arange(time) < lengths[:, None], 0.0, -mx.inf)[:, None, None]
    for layer in layers:
        x = layer(x, positions, mask)
    return x


def pad_time(x: mx.array, *, before: int = 0, after: int = 0) -> mx.array:
    """Zeros before and after [batch, time, width]."""
    return mx.pad(x, [(0, 0), (before, after), (0, 0)])
