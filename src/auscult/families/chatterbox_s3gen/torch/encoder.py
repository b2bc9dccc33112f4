"""The conformer encoder of S3Gen's flow in PyTorch: token embeddings to twice as many frames."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families._time_major import Conv1d
from auscult.families.chatterbox_s3gen.config import Flow
from auscult.families.chatterbox_s3gen.positions import relative_positions


class Embed(nn.Module):
    """Linear, norm, times √width: [batch, time, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.ModuleList((nn.Linear(width, width), nn.LayerNorm(width)))
        self.scale = sqrt(width)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.out:
            x = layer(x)
        return x * self.scale


class PreLookahead(nn.Module):
    """A convolution that sees three tokens ahead, one that sees two back, added to the input: [batch, time, width]."""

    def __init__(self, width: int, lookahead: int) -> None:
        super().__init__()
        self.lookahead = lookahead
        self.conv1 = Conv1d(width, width, lookahead + 1)
        self.conv2 = Conv1d(width, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.pad(x, (0, 0, 0, self.lookahead)).transpose(1, 2)
        y = functional.leaky_relu(self.conv1(y)).transpose(1, 2)
        z: Tensor = self.conv2(functional.pad(y, (0, 0, 2, 0)).transpose(1, 2))
        return x + z.transpose(1, 2)


class Upsample(nn.Module):
    """Every frame repeated, then a causal convolution: [batch, time, width] to [batch, ratio * time, width]."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.ratio = ratio
        self.conv = Conv1d(width, width, 2 * ratio + 1)

    def forward(self, x: Tensor) -> Tensor:
        repeated = functional.pad(x.repeat_interleave(self.ratio, dim=1), (0, 0, 2 * self.ratio, 0))
        y: Tensor = self.conv(repeated.transpose(1, 2))
        return y.transpose(1, 2)


class RelativeAttention(nn.Module):
    """Self-attention with a learned score for the distance (Dai et al. 2019, as ESPnet has it): [batch, time, width]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.linear_q, self.linear_k, self.linear_v, self.linear_out = (
            nn.Linear(width, width) for _ in range(4)
        )
        self.linear_pos = nn.Linear(width, width, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(heads, width // heads))
        self.pos_bias_v = nn.Parameter(torch.zeros(heads, width // heads))

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        """`positions` [2 * time - 1, width], the farthest ahead first; `mask` [batch, 1, 1, time] is 0 or -inf."""
        batch, time, width = x.shape
        shape = (batch, time, self.heads, width // self.heads)
        query = self.linear_q(x).view(shape)
        key, value = (
            layer(x).view(shape).transpose(1, 2) for layer in (self.linear_k, self.linear_v)
        )
        distance = self.linear_pos(positions).view(2 * time - 1, self.heads, -1).permute(1, 2, 0)
        by_distance = torch.matmul((query + self.pos_bias_v).transpose(1, 2), distance) / sqrt(
            shape[-1]
        )
        bias = shift(by_distance)
        if mask is not None:
            bias = bias + mask
        content = (query + self.pos_bias_u).transpose(1, 2)
        mixed = functional.scaled_dot_product_attention(content, key, value, attn_mask=bias)
        out: Tensor = self.linear_out(mixed.transpose(1, 2).reshape(batch, time, width))
        return out


def shift(scores: Tensor) -> Tensor:
    """Scores by distance [..., time, 2 * time - 1] to scores by key [..., time, time]: a row starts one later than the next."""
    *lead, time, span = scores.shape
    scores = scores.contiguous()
    strides = (*scores.stride()[:-2], span - 1, 1)
    return scores.as_strided((*lead, time, time), strides, scores.storage_offset() + time - 1)


class FeedForward(nn.Module):
    """Linear, SiLU, linear: [batch, time, width]."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w_1 = nn.Linear(width, hidden)
        self.w_2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.w_2(functional.silu(self.w_1(x)))
        return y


class ConformerLayer(nn.Module):
    """Attention and feed-forward, each after a norm and added to its input; no convolution module: [batch, time, width]."""

    def __init__(self, config: Flow) -> None:
        super().__init__()
        self.self_attn = RelativeAttention(config.width, config.heads)
        self.feed_forward = FeedForward(config.width, config.hidden)
        self.norm_ff = nn.LayerNorm(config.width, eps=config.layer_eps)
        self.norm_mha = nn.LayerNorm(config.width, eps=config.layer_eps)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        x = x + self.self_attn(self.norm_mha(x), positions, mask)
        y: Tensor = x + self.feed_forward(self.norm_ff(x))
        return y


class Encoder(nn.Module):
    """`forward(x [batch, tokens, width])` gives [batch, frames_per_token * tokens, width]."""

    def __init__(self, config: Flow) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embed, self.up_embed = Embed(width), Embed(width)
        self.after_norm = nn.LayerNorm(width)
        self.pre_lookahead_layer = PreLookahead(width, config.lookahead)
        self.up_layer = Upsample(width, config.frames_per_token)
        self.encoders, self.up_encoders = (
            nn.ModuleList(ConformerLayer(config) for _ in range(layers)) for layers in config.layers
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`lengths` [batch] are numbers of tokens; None where no row is padded."""
        x = self.pre_lookahead_layer(self.embed(x))
        x = self._layers(self.encoders, x, lengths)
        x = self.up_embed(self.up_layer(x))
        x = self._layers(
            self.up_encoders, x, None if lengths is None else lengths * self.config.frames_per_token
        )
        y: Tensor = self.after_norm(x)
        return y

    def _layers(self, layers: nn.ModuleList, x: Tensor, lengths: Tensor | None) -> Tensor:
        _, time, width = x.shape
        positions = torch.from_numpy(relative_positions(time, width)).to(x)
        mask = None
        if lengths is not None:
            padded = torch.arange(time, device=x.device) >= lengths[:, None]
            mask = x.new_zeros(padded.shape).masked_fill(padded, -torch.inf)[:, None, None]
        for layer in layers:
            x = layer(x, positions, mask)
        return x
