"""A Llama that goes on from what it remembers, in PyTorch, on the weights of transformers' `LlamaModel`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ROOM = 256
"""Places by which the memory grows."""
FEW = 4
"""Rows up to which a matrix product is one with vectors."""


def product(x: Tensor, weight: Tensor) -> Tensor:
    """x [..., source] times the transpose of weight [target, source].

    For the two rows of a guided token, the matrix times the rows: measured on an AVX2 CPU with two threads, 10 GB/s of weights go
    by where the rows come first (the library reads them once a row, on one thread), and 20 to 24 where they come second.
    """
    rows = x.numel() // x.shape[-1]
    if not 1 < rows <= FEW:
        return functional.linear(x, weight)
    return torch.mm(weight, x.reshape(rows, -1).t()).t().reshape(*x.shape[:-1], -1)


class Memory:
    """Runs the backbone of a T3 and keeps the keys and values of what has passed."""

    def __init__(self, model: Any) -> None:
        self.layers, self.norm, self.config = model.tfmr.layers, model.tfmr.norm, model.config
        self.rotary = model.tfmr.rotary_emb
        self.length = 0
        self.held = self.turns = torch.empty(0)

    def hidden(self, x: Tensor) -> Tensor:
        """[rows, length, width], to what the last norm gives of it, after all that was given before."""
        start, self.length = self.length, self.length + x.shape[1]
        self._make_room(x)
        turn = self.turns[:, start : self.length]
        for layer, held in zip(self.layers, self.held, strict=True):
            attention, mlp = layer.self_attn, layer.mlp
            x = x + self._attend(
                attention, self._normed(x, layer.input_layernorm), held, turn, start
            )
            h = self._normed(x, layer.post_attention_layernorm)
            gated = functional.silu(product(h, mlp.gate_proj.weight)) * product(
                h, mlp.up_proj.weight
            )
            x = x + product(gated, mlp.down_proj.weight)
        return self._normed(x, self.norm)

    def _normed(self, x: Tensor, norm: Any) -> Tensor:
        return functional.rms_norm(x, (x.shape[-1],), norm.weight, self.config.norm_eps)

    def _attend(self, layer: Any, x: Tensor, held: Tensor, turn: Tensor, start: int) -> Tensor:
        rows, length, _ = x.shape
        parts = (product(x, part.weight) for part in (layer.q_proj, layer.k_proj, layer.v_proj))
        q, k, v = (
            part.reshape(rows, length, -1, self.config.head_width).transpose(1, 2) for part in parts
        )
        held[0, :, :, start : self.length] = turned(k, turn)
        held[1, :, :, start : self.length] = v
        keys, values = held[:, :, :, : self.length]
        mixed = functional.scaled_dot_product_attention(
            turned(q, turn), keys, values, is_causal=length > 1
        )
        return product(mixed.transpose(1, 2).reshape(rows, length, -1), layer.o_proj.weight)

    def _make_room(self, x: Tensor) -> None:
        """Keys and values [layers, 2, rows, heads, places, head_width]; cosines and sines [2, places, head_width]."""
        before = self.held.shape[4] if self.held.ndim == 6 else 0
        if self.length <= before:
            return
        heads, width = self.config.width // self.config.head_width, self.config.head_width
        places = -(-self.length // ROOM) * ROOM
        room = x.new_empty(len(self.layers), 2, len(x), heads, places, width)
        if before:
            room[:, :, :, :, :before] = self.held
        self.held = room
        self.turns = torch.cat(self.rotary(x, torch.arange(places, device=x.device)[None]))


def turned(x: Tensor, turn: Tensor) -> Tensor:
    """Rotary positions on [rows, heads, length, head_width], halves paired; `turn` [2, length, head_width]."""
    one, two = x.chunk(2, dim=-1)
    return x * turn[0] + torch.cat((-two, one), dim=-1) * turn[1]
