"""Attention blocks: grouped heads, few queries, rotary positions, gated feed-forward parts, as decoders of speech have them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.real_ports.block_building import BlockFault, build_block_pairs, copy_into
from benchmarks.real_ports.weights import draw_normal

WIDTH, HEADS, GROUPS, HEAD = 32, 4, 2, 8


class RootNorm(nn.Module):
    """Gain around one, as Gemma has it."""

    def __init__(self, width: int, fault: str = "") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.pow(2).mean(-1, keepdim=True)
        if "outside" in self.fault:
            x = x / (mean.sqrt() + 1e-2)
        else:
            x = x * torch.rsqrt(mean + 1e-2)
        return x * (self.weight if "plain gain" in self.fault else 1 + self.weight)


def rotate(x: torch.Tensor, base: float, size: int, first: int = 0) -> torch.Tensor:
    """Halves of the first `size` channels, [batch, heads, time, channels]."""
    inverse = base ** (-torch.arange(0, size, 2).float() / size)
    angles = torch.arange(first, first + x.shape[2])[:, None] * inverse
    cos, sin = angles.cos(), angles.sin()
    a, b, rest = x[..., : size // 2], x[..., size // 2 : size], x[..., size:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)


class GroupedAttention(nn.Module):
    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.q_proj = nn.Linear(WIDTH, HEADS * HEAD, bias=False)
        self.k_proj = nn.Linear(WIDTH, GROUPS * HEAD, bias=False)
        self.v_proj = nn.Linear(WIDTH, GROUPS * HEAD, bias=False)
        self.o_proj = nn.Linear(HEADS * HEAD, WIDTH, bias=False)
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, time, _ = x.shape
        q = self.q_proj(x).view(batch, time, HEADS, HEAD).transpose(1, 2)
        k = self.k_proj(x).view(batch, time, GROUPS, HEAD).transpose(1, 2)
        v = self.v_proj(x).view(batch, time, GROUPS, HEAD).transpose(1, 2)
        base = 500.0 if "base" in self.fault else 10000.0
        size = HEAD // 2 if "half of the head" in self.fault else HEAD
        q, k = rotate(q, base, size), rotate(k, base, size)
        y = self.attend(q, k, v)
        return self.o_proj(y.transpose(1, 2).reshape(batch, time, -1))

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)


class WrittenAttention(GroupedAttention):
    """The same with scores by hand."""

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        times = HEADS // GROUPS
        if "tiled" in self.fault:
            k, v = k.repeat(1, times, 1, 1), v.repeat(1, times, 1, 1)
        else:
            k, v = k.repeat_interleave(times, 1), v.repeat_interleave(times, 1)
        scale = HEAD**-1.0 if "another scale" in self.fault else HEAD**-0.5
        scores = q @ k.transpose(-1, -2) * scale
        hidden = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).triu(1)
        if "no mask" not in self.fault:
            scores = scores.masked_fill(hidden, float("-inf"))
        return scores.softmax(-1) @ v


class GatedFeedForward(nn.Module):
    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.gate_proj = nn.Linear(WIDTH, 48, bias=False)
        self.up_proj = nn.Linear(WIDTH, 48, bias=False)
        self.down_proj = nn.Linear(48, WIDTH, bias=False)
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, up = self.gate_proj(x), self.up_proj(x)
        if "exchanged" in self.fault:
            gate, up = up, gate
        form = "none" if "exact" in self.fault else "tanh"
        if "SiLU" in self.fault:
            return self.down_proj(functional.silu(gate) * up)
        return self.down_proj(functional.gelu(gate, approximate=form) * up)


class DecoderLayer(nn.Module):
    def __init__(
        self, fault: str = "", attention: type[GroupedAttention] = GroupedAttention
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = RootNorm(WIDTH, fault), RootNorm(WIDTH, fault)
        self.attn, self.mlp = attention(fault), GatedFeedForward(fault)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def make_decoder() -> nn.Module:
    return nn.Sequential(DecoderLayer(), DecoderLayer(), nn.Linear(WIDTH, 10))


def port_decoder(reference: Any, fault: str) -> Any:
    layers = [DecoderLayer(fault, WrittenAttention) for _ in range(2)]
    return copy_into(nn.Sequential(*layers, nn.Linear(WIDTH, 10)), reference)


class CrossAttention(nn.Module):
    """The last queries of a chunk over all keys, under a mask of keys that are padding."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.query, self.key = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.value, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.fault = fault

    def forward(self, x: torch.Tensor, memory: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        def split(y: torch.Tensor) -> torch.Tensor:
            return y.view(*y.shape[:2], HEADS, -1).transpose(1, 2)

        q, k, v = split(self.query(x)), split(self.key(memory)), split(self.value(memory))
        late = k.shape[2] - q.shape[2]
        if "first key" in self.fault:
            late = 0
        seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(late)
        kept = ~keep if "other meaning" in self.fault else keep
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen & kept[:, None, None])
        return self.out(y.transpose(1, 2).flatten(2))


class ChunkDecoder(nn.Module):
    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.cross = CrossAttention(fault)
        self.head = nn.Linear(WIDTH, 6)

    def forward(self, x: torch.Tensor, memory: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        return self.head(x + self.cross(self.norm(x), memory, keep))


def make_chunk() -> list[Any]:
    import numpy as np

    keep = np.ones((1, 12), bool)
    keep[:, 3:6] = False
    return [draw_normal(1, 5, WIDTH), draw_normal(1, 12, WIDTH, seed=5), keep]


ATTENTION = (r"\d\.attn(\.o_proj)?",)
MLP = (r"\d\.mlp(\.down_proj)?",)
NORM = (r"\d\.norm\d",)
CROSS = (r"cross(\.out)?",)
PAIRS = [
    *build_block_pairs(
        "Decoder with grouped heads: torch's attention against scores by hand",
        make_decoder,
        port_decoder,
        lambda: [draw_normal(1, 11, WIDTH) * 0.5],
        [
            BlockFault("eps outside of the root", NORM, ("norm-convention", "layer-norm-eps")),
            BlockFault("a plain gain for one plus the gain", NORM, ("norm-convention",)),
            BlockFault("heads tiled", ATTENTION, ("attention-heads",)),
            BlockFault("another scale", ATTENTION, ("attention-scale",)),
            BlockFault("no mask", ATTENTION, ("attention-mask",)),
            BlockFault("another base of the rotation", ATTENTION, ("rope-convention",)),
            BlockFault("half of the head rotated", ATTENTION, ("rope-convention",)),
            BlockFault("the exact GELU as gate", MLP, ("gelu-variant",)),
            BlockFault("SiLU as gate", MLP, ("activation-wrong",)),
            BlockFault(
                "gate and value exchanged", MLP, ("wiring", "skip-order", "activation-wrong")
            ),
        ],
    ),
    *build_block_pairs(
        "Chunk of queries over more keys: torch against itself",
        ChunkDecoder,
        lambda reference, fault: copy_into(ChunkDecoder(fault), reference),
        make_chunk,
        [
            BlockFault("a mask from the first key", CROSS, ("attention-mask",)),
            BlockFault("a mask of the other meaning", CROSS, ("attention-mask",)),
        ],
    ),
]
