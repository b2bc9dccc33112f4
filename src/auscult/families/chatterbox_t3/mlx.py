"""Chatterbox's T3 in MLX, its Llama among it. Sources: chatterbox-tts 0.1.7; Llama 3.1's rotary scaling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.families._mlx import load_planned
from auscult.families.chatterbox_t3.config import Config
from auscult.families.chatterbox_t3.generate import Condition, Ids, checked, framed
from auscult.families.chatterbox_t3.naming import released, runnable
from auscult.families.chatterbox_t3.sampling import Logits
from auscult.families.chatterbox_t3.signature import plan
from auscult.weights import Array

__all__ = ["T3", "Decoder", "build", "load"]

UNUSED = "tfmr.embed_tokens.weight"
ROOM = 256  # positions by which a memory grows


def rope_periods(config: Config) -> Array:
    """Positions per radian of each pair of a head's channels [head_width / 2], by Llama 3's scaling, float32.

    Waves longer than `rope_original / rope_low` are stretched by the factor, those shorter than `rope_original / rope_high`
    are kept, and between the two the frequency is blended.
    """
    frequencies = 1.0 / config.rope_theta ** (
        np.arange(0, config.head_width, 2, dtype=np.float32) / config.head_width
    )
    waves = 2 * math.pi / frequencies
    share = (config.rope_original / waves - config.rope_low) / (config.rope_high - config.rope_low)
    kept = np.clip(share, 0.0, 1.0)
    return np.asarray(
        1.0 / (kept * frequencies + (1 - kept) * frequencies / config.rope_factor), np.float32
    )


class Memory:
    """Keys and values of one layer, in room that grows by blocks: [rows, heads, places, head_width]."""

    def __init__(self) -> None:
        self.keys: mx.array | None = None
        self.values: mx.array | None = None
        self.length = 0

    def add(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """All keys and values so far, the new ones among them."""
        start, end = self.length, self.length + keys.shape[2]
        if self.keys is None or self.values is None:
            self.keys, self.values = keys[:, :, :0], values[:, :, :0]
        if end > self.keys.shape[2]:
            room = mx.zeros(
                (*keys.shape[:2], -(-end // ROOM) * ROOM - start, keys.shape[3]), keys.dtype
            )
            self.keys = mx.concatenate([self.keys[:, :, :start], room], axis=2)
            self.values = mx.concatenate([self.values[:, :, :start], room], axis=2)
        self.keys[:, :, start:end], self.values[:, :, start:end] = keys, values
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class SelfAttention(nn.Module):
    """Causal, with rotary positions."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.head_width = config.head_width
        self._periods = mx.array(rope_periods(config))
        for part in "qkvo":
            setattr(self, f"{part}_proj", nn.Linear(config.width, config.width, bias=False))

    def __call__(self, x: mx.array, memory: Memory | None) -> mx.array:
        rows, length, width = x.shape
        parts = (self.q_proj(x), self.k_proj(x), self.v_proj(x))
        q, k, v = (
            part.reshape(rows, length, -1, self.head_width).transpose(0, 2, 1, 3) for part in parts
        )
        before = memory.length if memory else 0
        q, k = (
            mx.fast.rope(
                part,
                self.head_width,
                traditional=False,
                base=None,
                scale=1.0,
                offset=before,
                freqs=self._periods,
            )
            for part in (q, k)
        )
        if memory is not None:
            k, v = memory.add(k, v)
        mask = "causal" if length > 1 else None
        mixed = mx.fast.scaled_dot_product_attention(
            q, k, v, scale=self.head_width**-0.5, mask=mask
        )
        return self.o_proj(mixed.transpose(0, 2, 1, 3).reshape(rows, length, width))


class FeedForward(nn.Module):
    """A matrix gated by the SiLU of another, and one back."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.hidden, bias=False)
        self.up_proj = nn.Linear(config.width, config.hidden, bias=False)
        self.down_proj = nn.Linear(config.hidden, config.width, bias=False)

    def __call__(self, x: mx.array) -> mx.array:
        return self.down_proj(nn.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """Attention and feed-forward, each normed before and added after."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.self_attn = SelfAttention(config)
        self.mlp = FeedForward(config)
        self.input_layernorm = nn.RMSNorm(config.width, config.norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.width, config.norm_eps)

    def __call__(self, x: mx.array, memory: Memory | None) -> mx.array:
        x = x + self.self_attn(self.input_layernorm(x), memory)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """The layers and the last norm: [rows, length, width]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.layers = [Layer(config) for _ in range(config.layers)]
        self.norm = nn.RMSNorm(config.width, config.norm_eps)

    def __call__(self, x: mx.array, memories: list[Memory] | None = None) -> mx.array:
        for index, layer in enumerate(self.layers):
            x = layer(x, memories[index] if memories else None)
        return self.norm(x)


class Positions(nn.Module):
    """One learned row per place."""

    def __init__(self, places: int, width: int) -> None:
        super().__init__()
        self.emb = nn.Embedding(places, width)

    def __call__(self, start: int, length: int) -> mx.array:
        return self.emb.weight[start : start + length]


class Attention(nn.Module):
    """Queries of one sequence to another, both normed by the same norm, added to the first: [batch, length, width]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads = config.perceiver_heads
        self.norm = nn.LayerNorm(config.width)
        for part in ("to_q", "to_k", "to_v", "proj_out"):
            setattr(self, part, nn.Linear(config.width, config.width))

    def __call__(self, x: mx.array, heard: mx.array) -> mx.array:
        inner = self.norm(heard)
        parts = (self.to_q(self.norm(x)), self.to_k(inner), self.to_v(inner))
        q, k, v = (
            part.reshape(*part.shape[:2], self.heads, -1).transpose(0, 2, 1, 3) for part in parts
        )
        mixed = mx.fast.scaled_dot_product_attention(q, k, v, scale=q.shape[-1] ** -0.5)
        return x + self.proj_out(mixed.transpose(0, 2, 1, 3).reshape(x.shape))


class Perceiver(nn.Module):
    """A prompt of any length to a fixed number of positions: the same attention to the prompt, then to the result itself."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        bound = (3.0 / config.queries) ** 0.5
        self.pre_attention_query = mx.random.uniform(
            -bound, bound, (1, config.queries, config.width)
        )
        self.attn = Attention(config)

    def __call__(self, prompt: mx.array) -> mx.array:
        seen = self.attn(
            mx.broadcast_to(
                self.pre_attention_query, (len(prompt), *self.pre_attention_query.shape[1:])
            ),
            prompt,
        )
        return self.attn(seen, seen)


class Conditioning(nn.Module):
    """Speaker, prompt and emotion as the first positions: [batch, 1 + queries + 1, width]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.spkr_enc = nn.Linear(config.speaker_dim, config.width)
        self.emotion_adv_fc = nn.Linear(1, config.width, bias=False)
        self.perceiver = Perceiver(config)

    def __call__(self, speaker: mx.array, prompt: mx.array, emotion: mx.array) -> mx.array:
        """`speaker` [batch, speaker_dim], embedded `prompt` [batch, tokens, width], `emotion` [batch, 1]."""
        first, last = self.spkr_enc(speaker)[:, None], self.emotion_adv_fc(emotion)[:, None]
        return mx.concatenate([first, self.perceiver(prompt), last], axis=1)


class T3(nn.Module):
    """Called with embedded [rows, length, width], gives logits [rows, length, speech_tokens]; `Decoder` decodes a sentence."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.cond_enc = Conditioning(config)
        self.tfmr = Llama(config)
        self.text_emb = nn.Embedding(config.text_tokens, config.width)
        self.speech_emb = nn.Embedding(config.speech_tokens, config.width)
        self.text_pos_emb = Positions(config.positions, config.width)
        self.speech_pos_emb = Positions(config.speech_positions, config.width)
        self.text_head = nn.Linear(config.width, config.text_tokens, bias=False)
        self.speech_head = nn.Linear(
            config.width, config.speech_tokens, bias=config.speech_head_bias
        )

    def speech(self, tokens: mx.array, start: int = 0) -> mx.array:
        """Embedded speech tokens [tokens] that stand from `start` on: [1, tokens, width]."""
        return (self.speech_emb(tokens) + self.speech_pos_emb(start, len(tokens)))[None]

    def prefix(self, text: mx.array, condition: Condition, *, with_guidance: bool) -> mx.array:
        """What stands before the first token that is drawn: condition, text [tokens], and twice the start of speech.

        [rows, length, width]; with guidance the second row's text has no tokens, only positions.
        """
        prompt = self.speech(mx.array(condition.prompt))
        given = self.cond_enc(
            mx.array(condition.speaker)[None], prompt, mx.array([[condition.emotion]], mx.float32)
        )
        places = self.text_pos_emb(0, len(text))
        begin = self.speech(mx.array([self.config.start_speech]))
        rows = (
            [self.text_emb(text) + places, places]
            if with_guidance
            else [self.text_emb(text) + places]
        )
        return mx.concatenate(
            [mx.concatenate([given, row[None], begin, begin], axis=1) for row in rows]
        )

    def __call__(self, embedded: mx.array, memories: list[Memory] | None = None) -> mx.array:
        return self.speech_head(self.tfmr(embedded, memories))


class Decoder:
    """See `auscult.families.chatterbox_t3.generate.Decoding`."""

    def __init__(
        self, model: T3, text: Ids, condition: Condition, *, with_guidance: bool = True
    ) -> None:
        """`text` are a tokenizer's ids [tokens], without start and stop.

        Raises:
            UsageError: If the text is too long, or the condition is another model's.
        """
        self.model, self.text, self.condition = (
            model,
            framed(text, model.config),
            checked(condition, model.config),
        )
        self.with_guidance, self.place = with_guidance, 0
        self.memories = [Memory() for _ in range(model.config.layers)]

    def first(self) -> Logits:
        return self._logits(
            self.model.prefix(mx.array(self.text), self.condition, with_guidance=self.with_guidance)
        )

    def next(self, token: int) -> Logits:
        self.place += 1
        embedded = self.model.speech(mx.array([token]), self.place)
        return self._logits(
            mx.concatenate([embedded, embedded]) if self.with_guidance else embedded
        )

    def _logits(self, embedded: mx.array) -> Logits:
        hidden: Any = self.model.tfmr(embedded, self.memories)[:, -1]
        return np.array(self.model.speech_head(hidden).astype(mx.float32))


def build(config: Config) -> T3:
    """A freshly initialised model.

    Raises:
        UsageError: If it is Turbo.
    """
    return T3(runnable(config))


def load(module: T3, state: Mapping[str, Array], prefix: str = "") -> None:
    """Fill a model strictly, from the released names or mlx-audio's; the backbone's unused embedding is left out.

    Raises:
        CheckpointError: If an array is missing, of another shape, or not the model's. The module is then unchanged.
    """
    own = {name: planned for name, planned in plan(module.config).items() if name != UNUSED}
    load_planned(
        module,
        own,
        {name: array for name, array in released(state, prefix).items() if name != UNUSED},
    )
