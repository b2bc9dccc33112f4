"""The S3 tokenizer v2 in PyTorch: Whisper's log-mel to 25 tokens a second. Source: s3tokenizer 0.3.0 (model_v2.py)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families.chatterbox_s3gen.config import TOKENIZER_FFT, Tokenizer
from auscult.families.chatterbox_s3gen.features import tokenizer_definition
from auscult.families.chatterbox_s3gen.positions import rotary_angles
from auscult.sound.mel import mel_filterbank

TANH_SCALE = 0.9990000128746033
"""Keeps the largest values of tanh from rounding to what is beyond the last digit."""


class MemoryAttention(nn.Module):
    """Rotary self-attention, and a depthwise convolution of the values beside it (FSMN): [batch, time, width]."""

    def __init__(self, config: Tokenizer) -> None:
        super().__init__()
        width = config.width
        self.heads = width // config.head_width
        self.query, self.value, self.out = (nn.Linear(width, width) for _ in range(3))
        self.key = nn.Linear(width, width, bias=False)
        self.fsmn_block = nn.Conv1d(width, width, config.memory, groups=width, bias=False)
        before = (config.memory - 1) // 2
        self.sides = (before, config.memory - 1 - before)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor | None) -> Tensor:
        """`cosine` and `sine` [time, head width]; `mask` [batch, time] is False where there is padding."""
        batch, time, width = x.shape
        value = self.value(x)
        kept = value if mask is None else value * mask[..., None]
        memory = (
            self.fsmn_block(functional.pad(kept.transpose(1, 2), self.sides)).transpose(1, 2) + kept
        )
        query, key, heads = (
            part.view(batch, time, self.heads, -1).transpose(1, 2)
            for part in (self.query(x), self.key(x), value)
        )
        mixed = functional.scaled_dot_product_attention(
            rotate(query, cosine, sine),
            rotate(key, cosine, sine),
            heads,
            attn_mask=None if mask is None else mask[:, None, None],
        )
        y: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, time, width))
        return y + (memory if mask is None else memory * mask[..., None])


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Each pair (i, i + half) of [batch, heads, time, head width] turned by its position's angle."""
    left, right = x.chunk(2, dim=-1)
    return x * cosine + torch.cat((-right, left), dim=-1) * sine


class Block(nn.Module):
    """Attention with memory and a feed-forward of GELU, each after a norm and added to its input."""

    def __init__(self, config: Tokenizer) -> None:
        super().__init__()
        self.attn = MemoryAttention(config)
        self.attn_ln = nn.LayerNorm(config.width)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.width),
        )
        self.mlp_ln = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor | None) -> Tensor:
        x = x + self.attn(self.attn_ln(x), cosine, sine, mask)
        y: Tensor = x + self.mlp(self.mlp_ln(x))
        return y


class Encoder(nn.Module):
    """`forward(mel [batch, mel_bins, frames])` gives [batch, frames / 4, width]."""

    def __init__(self, config: Tokenizer) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(config.mel_bins, config.width, 3, stride=2, padding=1)
        self.conv2 = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`lengths` [batch] are numbers of frames; None where no row is padded."""
        x = mel
        for conv in (self.conv1, self.conv2):
            if lengths is not None:
                x = x * (torch.arange(x.shape[-1], device=x.device) < lengths[:, None])[:, None]
                lengths = halved(lengths)
            x = functional.gelu(conv(x))
        x = x.transpose(1, 2)
        time = x.shape[1]
        mask = None if lengths is None else torch.arange(time, device=x.device) < lengths[:, None]
        angles = torch.from_numpy(rotary_angles(time, self.config.head_width)).to(x)
        cosine, sine = (torch.cat((part, part), dim=-1) for part in (angles.cos(), angles.sin()))
        for block in self.blocks:
            x = block(x, cosine, sine, mask)
        return x


def halved(lengths: Tensor) -> Tensor:
    """How many frames a convolution of stride 2 leaves."""
    return (lengths + 1) // 2


class Codebook(nn.Module):
    """Finite scalar quantization: three values of each of a few numbers, read as the digits of one."""

    def __init__(self, config: Tokenizer) -> None:
        super().__init__()
        self.project_down = nn.Linear(config.width, config.levels)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, width] to tokens [batch, time]."""
        digits = torch.round(torch.tanh(self.project_down(x).float()) * TANH_SCALE).long() + 1
        powers = 3 ** torch.arange(digits.shape[-1], device=x.device)
        return (digits * powers).sum(-1)


class Quantizer(nn.Module):
    """The codebook under its released name."""

    def __init__(self, config: Tokenizer) -> None:
        super().__init__()
        self._codebook = Codebook(config)

    def forward(self, x: Tensor) -> Tensor:
        tokens: Tensor = self._codebook(x)
        return tokens


class SpeechTokenizer(nn.Module):
    """`forward(mel [batch, mel_bins, frames])` gives tokens [batch, frames / 4]; see `features.tokenizer_mel` for the mel.

    The mel's filters and window are buffers here, because released files have them; `load` fills them where they do.
    """

    _mel_filters: Tensor
    window: Tensor

    def __init__(self, config: Tokenizer) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantizer = Quantizer(config)
        filters, window = mel_buffers(config)
        self.register_buffer("_mel_filters", filters)
        self.register_buffer("window", window)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`lengths` [batch] are numbers of frames; tokens beyond a quarter of them mean nothing."""
        tokens: Tensor = self.quantizer(self.encoder(mel, lengths))
        return tokens


def mel_buffers(config: Tokenizer) -> tuple[Tensor, Tensor]:
    """The filters [mel_bins, 201] and the window [400] of a file that has none."""
    filters = torch.from_numpy(mel_filterbank(tokenizer_definition(config.mel_bins)).copy())
    return filters, torch.hann_window(TOKENIZER_FFT)
