"""The S3 tokenizer v2 in MLX: Whisper's log-mel to 25 tokens a second. Source: s3tokenizer 0.3.0 (model_v2.py)."""

from __future__ import annotations

import mlx.core as mx
from mlx import nn

from auscult.families.chatterbox_s3gen.config import TOKENIZER_FFT, Tokenizer
from auscult.families.chatterbox_s3gen.features import tokenizer_definition
from auscult.families.chatterbox_s3gen.positions import rotary_angles
from auscult.sound.mel import build_window, mel_filterbank

TANH_SCALE = 0.9990000128746033
"""Keeps the largest values of tanh from rounding to what is beyond the last digit."""

RELEASED = {
    "tokenizer.quantizer._codebook.": "tokenizer.quantizer.codebook.",
    "tokenizer._mel_filters": "tokenizer.mel_filters",
}
"""Released names and ours: MLX keeps what begins with an underscore out of a module's parameters."""


class MemoryAttention(nn.Module):
    """Rotary self-attention, and a depthwise convolution of the values beside it (FSMN): [batch, time, width]."""

    def __init__(self, config: Tokenizer) -> None:
        super().__init__()
        width = config.width
        self.heads, self.scale = width // config.head_width, config.head_width**-0.5
        self.query, self.value, self.out = (nn.Linear(width, width) for _ in range(3))
        self.key = nn.Linear(width, width, bias=False)
        self.fsmn_block = nn.Conv1d(width, width, config.memory, groups=width, bias=False)
        before = (config.memory - 1) // 2
        self.sides = (before, config.memory - 1 - before)

    def __call__(
        self, x: mx.array, cosine: mx.array, sine: mx.array, mask: mx.array | None
    ) -> mx.array:
        """`cosine` and `sine` [time, head width]; `mask` [batch, time] is False where there is padding."""
        batch, time, width = x.shape
        value = self.value(x)
        kept = value if mask is None else value * mask[..., None]
        memory = self.fsmn_block(mx.pad(kept, [(0, 0), self.sides, (0, 0)])) + kept
        query, key, heads = (
            part.reshape(batch, time, self.heads, -1).transpose(0, 2, 1, 3)
            for part in (self.query(x), self.key(x), value)
        )
        mixed = mx.fast.scaled_dot_product_attention(
            rotate(query, cosine, sine),
            rotate(key, cosine, sine),
            heads,
            scale=self.scale,
            mask=None if mask is None else mask[:, None, None],
        )
        y = self.out(mixed.transpose(0, 2, 1, 3).reshape(batch, time, width))
        return y + (memory if mask is None else memory * mask[..., None])


def rotate(x: mx.array, cosine: mx.array, sine: mx.array) -> mx.array:
    """Each pair (i, i + half) of [batch, heads, time, head width] turned by its position's angle."""
    left, right = mx.split(x, 2, axis=-1)
    return x * cosine + mx.concatenate([-right, left], axis=-1) * sine


class Block(nn.Module):
    """Attention with memory and a feed-forward of GELU, each after a norm and added to its input."""

    def __init__(self, config: Tokenizer) -> None:
        super().__init__()
        self.attn = MemoryAttention(config)
        self.attn_ln = nn.LayerNorm(config.width)
        self.mlp = [
            nn.Linear(config.width, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.width),
        ]
        self.mlp_ln = nn.LayerNorm(config.width)

    def __call__(
        self, x: mx.array, cosine: mx.array, sine: mx.array, mask: mx.array | None
    ) -> mx.array:
        x = x + self.attn(self.attn_ln(x), cosine, sine, mask)
        y = self.mlp_ln(x)
        for layer in self.mlp:
            y = layer(y)
        return x + y


class Encoder(nn.Module):
    """Called with mel [batch, frames, mel_bins], gives [batch, frames / 4, width]."""

    def __init__(self, config: Tokenizer) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(config.mel_bins, config.width, 3, stride=2, padding=1)
        self.conv2 = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)
        self.blocks = [Block(config) for _ in range(config.layers)]

    def __call__(self, mel: mx.array, lengths: mx.array | None = None) -> mx.array:
        """`lengths` [batch] are numbers of frames; None where no row is padded."""
        x = mel
        for conv in (self.conv1, self.conv2):
            if lengths is not None:
                x = x * (mx.arange(x.shape[1]) < lengths[:, None])[..., None]
                lengths = (lengths + 1) // 2
            x = nn.gelu(conv(x))
        time = x.shape[1]
        mask = None if lengths is None else mx.arange(time) < lengths[:, None]
        angles = mx.array(rotary_angles(time, self.config.head_width))
        cosine, sine = (
            mx.concatenate([part, part], axis=-1) for part in (mx.cos(angles), mx.sin(angles))
        )
        for block in self.blocks:
            x = block(x, cosine, sine, mask)
        return x


class Codebook(nn.Module):
    """Finite scalar quantization: three values of each of a few numbers, read as the digits of one."""

    def __init__(self, config: Tokenizer) -> None:
        super().__init__()
        self.project_down = nn.Linear(config.width, config.levels)

    def __call__(self, x: mx.array) -> mx.array:
        """[batch, time, width] to tokens [batch, time]."""
        digits = mx.round(mx.tanh(self.project_down(x)) * TANH_SCALE).astype(mx.int32) + 1
        powers = mx.array([3**place for place in range(digits.shape[-1])])
        return (digits * powers).sum(axis=-1)


class Quantizer(nn.Module):
    """The codebook, called `_codebook` in released files."""

    def __init__(self, config: Tokenizer) -> None:
        super().__init__()
        self.codebook = Codebook(config)

    def __call__(self, x: mx.array) -> mx.array:
        return self.codebook(x)


class SpeechTokenizer(nn.Module):
    """Called with mel [batch, frames, mel_bins], gives tokens [batch, frames / 4]; see `features.tokenizer_mel` for the mel.

    The mel's filters and window are here, because released files have them; `load` fills them where they do.
    """

    def __init__(self, config: Tokenizer) -> None:
        super().__init__()
        self.config = config
        definition = tokenizer_definition(config.mel_bins)
        self.encoder = Encoder(config)
        self.quantizer = Quantizer(config)
        self.mel_filters = mx.array(mel_filterbank(definition))
        self.window = mx.array(build_window(definition)[:TOKENIZER_FFT])

    def __call__(self, mel: mx.array, lengths: mx.array | None = None) -> mx.array:
        """`lengths` [batch] are numbers of frames; tokens beyond a quarter of them mean nothing."""
        return self.quantizer(self.encoder(mel, lengths))
