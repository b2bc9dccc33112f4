"""Right models to check against themselves, and the same with one fault planted, in torch."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

CHANNELS = 8


class ConvVocoder(nn.Module):
    """mel [batch, 8, frames] to sound [batch, 1, frames * 4].

    Args:
        norm: What stands behind the first convolution.
        dropout: What is dropped behind it, in any mode.
        noise: Level of the noise that is added.
    """

    def __init__(
        self, norm: nn.Module | None = None, dropout: float = 0.0, noise: float = 0.0
    ) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.pre = nn.Conv1d(CHANNELS, 12, 5, padding=2)
        self.norm = nn.Identity() if norm is None else norm
        self.up = nn.ConvTranspose1d(12, 6, 8, stride=4, padding=2)
        self.post = nn.Conv1d(6, 1, 7, padding=3)
        self.dropout, self.noise = dropout, noise

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x = functional.leaky_relu(self.norm(self.pre(mel)), 0.1)
        x = functional.dropout(x, self.dropout, training=True) if self.dropout else x
        x = self.up(x)
        if self.noise:
            x = x + self.noise * torch.randn(x.shape)
        return torch.tanh(self.post(functional.leaky_relu(x, 0.1)))


class BatchStatisticsNorm(nn.Module):
    """An instance norm over the axis of the batch, by mistake."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - x.mean((0, 2), keepdim=True)) / (x.std((0, 2), keepdim=True) + 1e-5)


class Attention(nn.Module):
    """Self-attention over [batch, frames, channels]; `is_heeding` hands the mask on."""

    def __init__(self, *, is_heeding: bool = True) -> None:
        super().__init__()
        self.qkv = nn.Linear(CHANNELS, 3 * CHANNELS)
        self.out = nn.Linear(CHANNELS, CHANNELS)
        self.is_heeding = is_heeding

    def forward(self, x: torch.Tensor, keep: torch.Tensor | None) -> torch.Tensor:
        query, key, value = self.qkv(x).chunk(3, -1)
        scores = query @ key.transpose(1, 2) / CHANNELS**0.5
        if keep is not None and self.is_heeding:
            scores = scores.masked_fill(~keep[:, None, :], float("-inf"))
        return self.out(scores.softmax(-1) @ value)


class Transformer(nn.Module):
    """[batch, frames, 8] to the same, with attention and a convolution; frames that `attention_mask` leaves out do not count.

    Args:
        is_heeding: Whether the attention heeds the mask.
        is_masking_convolution: Whether padded frames are silent in front of the convolution.
    """

    def __init__(self, *, is_heeding: bool = True, is_masking_convolution: bool = True) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.inside = nn.Linear(CHANNELS, CHANNELS)
        self.attention = Attention(is_heeding=is_heeding)
        self.norm = nn.LayerNorm(CHANNELS)
        self.conv = nn.Conv1d(CHANNELS, CHANNELS, 3, padding=1)
        self.is_masking_convolution = is_masking_convolution

    def forward(self, x: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        keep = None if attention_mask is None else attention_mask.bool()
        x = self.inside(x)
        x = self.norm(x + self.attention(x, keep))
        if keep is not None and self.is_masking_convolution:
            x = x * keep[..., None]
        return x + self.conv(x.transpose(1, 2)).transpose(1, 2)


class StreamingGru(nn.Module):
    """[batch, frames, 8] to the same; `stream` takes a chunk and keeps the state, unless it forgets it."""

    def __init__(self, *, is_forgetting: bool = False) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.inside = nn.Linear(CHANNELS, CHANNELS)
        self.cell = nn.GRU(CHANNELS, CHANNELS, batch_first=True)
        self.is_forgetting = is_forgetting
        self.state: torch.Tensor | None = None

    def reset_state(self) -> None:
        """Begin another utterance."""
        self.state = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.cell(self.inside(x))[0]
        return y

    def stream(self, chunk: torch.Tensor) -> torch.Tensor:
        """The part of the output that belongs to the chunk."""
        y, state = self.cell(self.inside(chunk), self.state)
        self.state = None if self.is_forgetting else state
        out: torch.Tensor = y
        return out


class LeakyState(nn.Module):
    """A recurrent net that goes on where the last call ended, and has no way to begin again."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.cell = nn.GRU(CHANNELS, CHANNELS, batch_first=True)
        self.last: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, self.last = self.cell(x, self.last)
        out: torch.Tensor = y
        return out


class Snake(nn.Module):
    """x + sin(alpha x)^2 / (alpha + eps), of which one alpha is 0: 1e-9 is 0 in float16."""

    def __init__(self, eps: float = 1e-9) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.linspace(0.0, 1.0, 12)[None, :, None])
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.sin(self.alpha * x) ** 2 / (self.alpha + self.eps)
