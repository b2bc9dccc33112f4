"""T5's encoder in MLX. Source: Raffel et al. 2020; transformers T5EncoderModel, whose names it has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.families._mlx import load_planned
from auscult.families.records import Layout
from auscult.families.t5_encoder.signature import MAX_DISTANCE, NORM_EPS, Config, plan
from auscult.weights import Array

EMBEDDINGS = "encoder.embed_tokens.weight"


def buckets(length: int, count: int, reach: int = MAX_DISTANCE) -> Array:
    """Number of the relative position of each key to each query, [length, length].

    Half of the `count` numbers are for keys behind the query. Of each half, the first half stands for one distance each, the
    rest for distances that grow geometrically up to `reach`.
    """
    offset = np.arange(length)[None, :] - np.arange(length)[:, None]
    half, distance = count // 2, np.abs(offset)
    exact = half // 2
    # float32 as the reference has it: a distance on the edge between two numbers falls to the same one
    scaled = np.log(np.maximum(distance, 1).astype(np.float32) / np.float32(exact)) / np.float32(
        math.log(reach / exact)
    )
    far = np.minimum(exact + (scaled * (half - exact)).astype(np.int64), half - 1)
    return np.where(offset > 0, half, 0) + np.where(distance < exact, distance, far)


class Attention(nn.Module):
    """Attention without scaling; block 0 owns the bias of relative positions that all blocks add."""

    def __init__(self, config: Config, *, has_bias: bool) -> None:
        super().__init__()
        self.heads = config.heads
        self.q = nn.Linear(config.width, config.inner, bias=False)
        self.k = nn.Linear(config.width, config.inner, bias=False)
        self.v = nn.Linear(config.width, config.inner, bias=False)
        self.o = nn.Linear(config.inner, config.width, bias=False)
        if has_bias:
            self.relative_attention_bias = nn.Embedding(config.buckets, config.heads)

    def __call__(self, x: mx.array, bias: mx.array) -> mx.array:
        batch, length, _ = x.shape
        q, k, v = (
            part(x).reshape(batch, length, self.heads, -1).transpose(0, 2, 1, 3)
            for part in (self.q, self.k, self.v)
        )
        mixed = mx.fast.scaled_dot_product_attention(q, k, v, scale=1.0, mask=bias)
        return self.o(mixed.transpose(0, 2, 1, 3).reshape(batch, length, -1))


class AttentionLayer(nn.Module):
    """Normed before, added after."""

    def __init__(self, config: Config, *, has_bias: bool) -> None:
        super().__init__()
        self.SelfAttention = Attention(config, has_bias=has_bias)
        self.layer_norm = nn.RMSNorm(config.width, NORM_EPS)

    def __call__(self, x: mx.array, bias: mx.array) -> mx.array:
        return x + self.SelfAttention(self.layer_norm(x), bias)


class Dense(nn.Module):
    """ReLU between two matrices, or v1.1's gate of GELU."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.gated = config.gated
        for name in ("wi_0", "wi_1") if config.gated else ("wi",):
            setattr(self, name, nn.Linear(config.width, config.hidden, bias=False))
        self.wo = nn.Linear(config.hidden, config.width, bias=False)

    def __call__(self, x: mx.array) -> mx.array:
        if self.gated:
            return self.wo(nn.gelu_approx(self.wi_0(x)) * self.wi_1(x))
        return self.wo(nn.relu(self.wi(x)))


class DenseLayer(nn.Module):
    """Normed before, added after."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.DenseReluDense = Dense(config)
        self.layer_norm = nn.RMSNorm(config.width, NORM_EPS)

    def __call__(self, x: mx.array) -> mx.array:
        return x + self.DenseReluDense(self.layer_norm(x))


class Block(nn.Module):
    """Attention and feed-forward."""

    def __init__(self, config: Config, *, has_bias: bool) -> None:
        super().__init__()
        self.layer: Any = [AttentionLayer(config, has_bias=has_bias), DenseLayer(config)]

    def __call__(self, x: mx.array, bias: mx.array) -> mx.array:
        return self.layer[1](self.layer[0](x, bias))


class Stack(nn.Module):
    """The blocks and the last norm."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.block = [Block(config, has_bias=index == 0) for index in range(config.layers)]
        self.final_layer_norm = nn.RMSNorm(config.width, NORM_EPS)


class Encoder(nn.Module):
    """Called with ids [batch, tokens] and mask [batch, tokens] of 1 and 0, gives [batch, tokens, width]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocabulary, config.width)
        self.encoder = Stack(config)

    def __call__(self, ids: mx.array, mask: mx.array) -> mx.array:
        numbers = mx.array(buckets(ids.shape[1], self.config.buckets))
        first = self.encoder.block[0].layer[0].SelfAttention
        bias = first.relative_attention_bias(numbers).transpose(2, 0, 1)[None]
        hidden = mx.array(float(np.finfo(np.float32).min))
        bias = bias + mx.where(mask[:, None, None, :].astype(mx.bool_), mx.array(0.0), hidden)
        x = self.shared(ids)
        for block in self.encoder.block:
            x = block(x, bias)
        return self.encoder.final_layer_norm(x)


def build(config: Config) -> Encoder:
    """A freshly initialised encoder."""
    return Encoder(config)


def load(
    module: Encoder, state: Mapping[str, Array], prefix: str = "", layout: Layout = "torch"
) -> None:
    """See `auscult.families._mlx.load_planned`. Of the two names of the embeddings, either will do; decoders are left out."""
    kept = {name: array for name, array in state.items() if name.startswith(prefix)}
    tied = kept.pop(prefix + EMBEDDINGS, None)
    if tied is not None:
        kept.setdefault(f"{prefix}shared.weight", tied)
    own = {name: planned for name, planned in plan(module.config).items() if name != EMBEDDINGS}
    load_planned(
        module,
        own,
        {name: array for name, array in kept.items() if name.removeprefix(prefix) in own},
        prefix,
        layout,
    )
