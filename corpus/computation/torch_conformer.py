"""A conformer with relative positions in PyTorch: the reference, and candidates with other choices."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from corpus.computation.choices import Choices
from corpus.computation.torch_networks import HEADS, WIDTH, Block, Transformer


def make_distance_sinusoids(count: int, dtype: torch.dtype) -> Tensor:
    """Sinusoids [1, 2 count - 1, WIDTH] of how far a key lies behind the query, the farthest first."""
    behind = torch.arange(count - 1, -count, -1.0)[:, None]
    angles = behind * 10000.0 ** (-torch.arange(0, WIDTH, 2) / WIDTH)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[None].to(dtype)


def shift_scores(scores: Tensor, how: str) -> Tensor:
    """Row i of [batch, heads, time, 2 time - 1] moved so that column j is the score of key j (Dai et al. 2019, appendix B)."""
    batch, heads, time, count = scores.shape
    if how == "unshifted":
        return scores[..., :time]
    wide = (
        functional.pad(scores, (1, 0))
        .view(batch, heads, count + 1, time)[:, :, 1:]
        .reshape(batch, heads, time, count)
    )
    return wide[..., 1 : time + 1] if how == "one late" else wide[..., :time]


class RelativeAttention(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices, self.num_heads = choices, HEADS
        self.linear_q = nn.Linear(WIDTH, WIDTH)
        self.linear_k = nn.Linear(WIDTH, WIDTH)
        self.linear_v = nn.Linear(WIDTH, WIDTH)
        self.linear_pos = nn.Linear(WIDTH, WIDTH, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(HEADS, WIDTH // HEADS))
        self.pos_bias_v = nn.Parameter(torch.zeros(HEADS, WIDTH // HEADS))
        self.linear_out = nn.Linear(WIDTH, WIDTH)

    def split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        c = self.choices
        q, k, v = (self.split(f(x)) for f in (self.linear_q, self.linear_k, self.linear_v))
        p = self.split(self.linear_pos(make_distance_sinusoids(x.shape[1], x.dtype)))
        bias_by_letter = {"u": self.pos_bias_u, "v": self.pos_bias_v}
        content, position = (
            (bias_by_letter[n][:, None] for n in c.biases.split(", "))
            if c.biases != "none"
            else (0.0, 0.0)
        )
        scores = (q + content) @ k.transpose(-1, -2) + shift_scores(
            (q + position) @ p.transpose(-1, -2), c.shift
        )
        scores = scores / (math.sqrt(WIDTH // HEADS) if c.scale == "head" else 1.0)
        scores = scores.masked_fill(mask[:, None, None, :] == 0, -torch.inf)
        return self.linear_out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class Conformer(Transformer):
    """Called as the transformer is."""

    def __init__(self, choices: Choices = Choices()) -> None:  # noqa: B008
        super().__init__(choices)
        self.blocks = nn.ModuleList(Block(choices, RelativeAttention(choices)) for _ in range(2))
