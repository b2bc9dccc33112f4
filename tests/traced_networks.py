"""Small networks to trace, in torch."""

from __future__ import annotations

import torch
from torch import nn


class Block(nn.Module):
    """A residual block with a functional activation between its convolutions."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv1d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(nn.functional.leaky_relu(self.first(x), 0.1))


class Vocoder(nn.Module):
    """mel [batch, 8, frames] to sound [batch, 1, frames * 4]."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.pre = nn.utils.parametrizations.weight_norm(nn.Conv1d(8, 12, 7, padding=3))
        self.up = nn.ConvTranspose1d(12, 6, 8, stride=4, padding=2)
        self.blocks = nn.ModuleList([Block(6, 1), Block(6, 3)])
        self.post = nn.Conv1d(6, 1, 7, padding=3)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x = self.up(self.pre(mel))
        for block in self.blocks:
            x = block(x)
        return torch.tanh(self.post(x))


class Decoder(nn.Module):
    """One step of a loop: keyword arguments, a mask that may be missing, a tuple of states."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.cell = nn.LSTM(4, 5, batch_first=True)
        self.out = nn.Linear(5, 4)

    def forward(
        self, x: torch.Tensor, *, mask: torch.Tensor | None = None, scale: float = 1.0
    ) -> dict[str, torch.Tensor]:
        y, state = self.cell(x)
        y = self.out(y) * scale
        return {"logits": y if mask is None else y * mask, "state": state[0]}


class Noisy(nn.Module):
    """Draws noise in the way that samplers and dropout do."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(6, 6)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        start = torch.randn(x.shape)
        start += torch.empty_like(start).uniform_(-1, 1)
        chosen = torch.multinomial(torch.ones(6), 3)
        return (
            self.drop(self.mix(x + start + torch.rand_like(x)))
            + chosen.sum()
            + torch.bernoulli(torch.full_like(x, 0.3))
        )
