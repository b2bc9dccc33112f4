"""A small codec whose training fails, as preflight takes it: `auscult preflight collapsing.py:trainer`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

BOOKS, CODES, DIM = 4, 64, 16


class Book(nn.Module):
    """A codebook that follows the mean of what it codes; the counts start at zero, the sums do not."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("embed", torch.randn(CODES, DIM))
        self.register_buffer("counts", torch.zeros(CODES))
        self.register_buffer("sums", torch.randn(CODES, DIM))

    def forward(self, z: Tensor) -> Tensor:
        flat = z.transpose(1, 2).reshape(-1, DIM)
        codes = torch.cdist(flat, self.embed).argmin(dim=1)
        found = self.embed[codes].view(z.shape[0], -1, DIM).transpose(1, 2)
        if self.training:
            with torch.no_grad():
                hot = functional.one_hot(codes, CODES).float()
                self.counts.mul_(0.99).add_(hot.sum(dim=0), alpha=0.01)
                self.sums.mul_(0.99).add_(hot.T @ flat, alpha=0.01)
                self.embed.copy_(self.sums / self.counts.clamp_min(1e-5)[:, None])
        return z + (found - z).detach()


class Quantizer(nn.Module):
    """Residual books; each hands its full gradient to the encoder, since the residual goes on detached."""

    def __init__(self) -> None:
        super().__init__()
        self.books = nn.ModuleList(Book() for _ in range(BOOKS))

    def forward(self, z: Tensor) -> Tensor:
        residual, total = z, torch.zeros_like(z)
        for book in self.books:
            found = book(residual)
            total, residual = total + found, residual - found.detach()
        return total


class Codec(nn.Module):
    """Two convolutions each way, a learned scale and a tanh at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv1d(1, 16, 16, 8, padding=4), nn.ELU(), nn.Conv1d(16, DIM, 10, 5, padding=3)
        )
        self.quantizer = Quantizer()
        self.decoder = nn.Sequential(
            *(nn.ConvTranspose1d(DIM, 16, 10, 5, padding=3, output_padding=1), nn.ELU()),
            nn.ConvTranspose1d(16, 1, 16, 8, padding=4),
        )
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, audio: Tensor) -> Tensor:
        decoded = self.decoder(self.quantizer(self.encoder(audio)))
        return torch.tanh(self.scale * decoded)


def trainer() -> dict[str, Any]:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = Codec()
    time = torch.arange(8000) / 16_000
    pitches = torch.tensor([110.0, 150.0, 190.0, 240.0])[:, None, None]
    voices = sum(torch.sin(2 * torch.pi * pitches * k * time) / k for k in range(1, 12)) * (
        0.1 + 0.1 * torch.sin(20 * time)
    )
    return {
        "model": model,
        "batch": voices,
        "loss": lambda output, batch: {"wave": (output - batch).abs().mean()},
        "optimizers": torch.optim.Adam(model.parameters(), 3e-4),
        "sample_rate": 16_000,
        "claims": {"snr_db": 60.0},
    }
