"""The same conformer in MLX, with other names."""

from __future__ import annotations

import math

import mlx.core as mx
from mlx import nn

from corpus.computation.choices import Choices
from corpus.computation.mlx_networks import HEADS, WIDTH, Block, Transformer


def make_distance_sinusoids(count: int) -> mx.array:
    """Sinusoids [1, 2 count - 1, WIDTH] of how far a key lies behind the query, the farthest first."""
    behind = mx.arange(count - 1, -count, -1)[:, None]
    angles = behind * 10000.0 ** (-mx.arange(0, WIDTH, 2) / WIDTH)
    return mx.stack([mx.sin(angles), mx.cos(angles)], -1).reshape(1, 2 * count - 1, WIDTH)


def shift_scores(scores: mx.array, how: str) -> mx.array:
    """Row i of [batch, heads, time, 2 time - 1] so that column j is the score of key j."""
    time = scores.shape[2]
    if how == "unshifted":
        return scores[..., :time]
    wide = mx.pad(scores, [(0, 0), (0, 0), (0, 0), (0, 1)])
    place = time - 1 - mx.arange(time)[:, None] + mx.arange(time) + (how == "one late")
    return mx.take_along_axis(wide, mx.broadcast_to(place, (*scores.shape[:3], time)), -1)


class RelativeAttention(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices, self.num_heads = choices, HEADS
        self.q_proj = nn.Linear(WIDTH, WIDTH)
        self.k_proj = nn.Linear(WIDTH, WIDTH)
        self.v_proj = nn.Linear(WIDTH, WIDTH)
        self.pos_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.u_bias = mx.zeros((HEADS, WIDTH // HEADS))
        self.v_bias = mx.zeros((HEADS, WIDTH // HEADS))
        self.out_proj = nn.Linear(WIDTH, WIDTH)

    def split(self, x: mx.array) -> mx.array:
        return x.reshape(*x.shape[:2], HEADS, -1).transpose(0, 2, 1, 3)

    def __call__(self, x: mx.array, mask: mx.array) -> mx.array:
        c = self.choices
        q, k, v = (self.split(f(x)) for f in (self.q_proj, self.k_proj, self.v_proj))
        p = self.split(self.pos_proj(make_distance_sinusoids(x.shape[1])))
        bias_by_letter = {"u": self.u_bias, "v": self.v_bias}
        zeros = mx.zeros((HEADS, WIDTH // HEADS))
        content, position = (
            (bias_by_letter[n] for n in c.biases.split(", "))
            if c.biases != "none"
            else (zeros, zeros)
        )
        scores = (q + content[:, None]) @ k.swapaxes(-1, -2) + shift_scores(
            (q + position[:, None]) @ p.swapaxes(-1, -2), c.shift
        )
        scores = scores / (math.sqrt(WIDTH // HEADS) if c.scale == "head" else 1.0)
        y = mx.softmax(mx.where(mask[:, None, None, :] > 0, scores, -mx.inf), -1) @ v
        return self.out_proj(y.transpose(0, 2, 1, 3).reshape(x.shape))


class Conformer(Transformer):
    def __init__(self, choices: Choices = Choices()) -> None:  # noqa: B008
        super().__init__(choices)
        self.layers = [Block(choices, RelativeAttention(choices)) for _ in range(2)]
