"""The Telugu codec of devasphn/NewProject at 1c72334, rebuilt small from its description: the same faults, fewer channels.

16 kHz, hop 80, 8 books of 1,024 codes. The averages start at zero counts; each book hands its full gradient to the encoder;
codebooks follow the average and a loss; the learning rate is 1e-5; 197 frames for 16,000 samples, 15,768 samples back and
zeros behind them; a learned scale of 3, a tanh, and fifteen times a loss on the level; a mel filterbank drawn at random.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.preflight_checks.material import make_batch
from corpus.training.trainers import MELS, N_FFT, RATE, Scale, Trainer, log_mel

BOOKS, CODES, DIM, TIME = 8, 1024, 32, 16_000


class Book(nn.Module):
    """A codebook parameter with averages that start at zero over random sums."""

    cluster_size: Tensor
    ema_w: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(CODES, DIM)
        nn.init.uniform_(self.embedding.weight, -1 / CODES, 1 / CODES)
        self.register_buffer("cluster_size", torch.zeros(CODES))
        self.register_buffer("ema_w", torch.randn(CODES, DIM))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        flat = z.transpose(1, 2).reshape(-1, DIM)
        codes = torch.cdist(flat, self.embedding.weight).argmin(dim=1)
        quantized = self.embedding(codes).view(z.shape[0], -1, DIM).transpose(1, 2)
        loss = functional.mse_loss(quantized, z.detach()) + 0.25 * functional.mse_loss(
            z, quantized.detach()
        )
        if self.training:
            with torch.no_grad():
                hot = functional.one_hot(codes, CODES).float()
                self.cluster_size.mul_(0.99).add_(hot.sum(dim=0), alpha=0.01)
                self.ema_w.mul_(0.99).add_(hot.T @ flat, alpha=0.01)
                total = self.cluster_size.sum()
                smooth = (self.cluster_size + 1e-5) / (total + CODES * 1e-5) * total
                self.embedding.weight.data.copy_(self.ema_w / smooth[:, None])
        return z + (quantized - z).detach(), loss, codes


class Quantizer(nn.Module):
    """Residual books whose residual is detached."""

    def __init__(self) -> None:
        super().__init__()
        self.books = nn.ModuleList(Book() for _ in range(BOOKS))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        residual, total, loss = z, torch.zeros_like(z), z.new_zeros(())
        for book in self.books:
            quantized, book_loss, _ = book(residual)
            total, loss = total + quantized, loss + book_loss
            residual = residual - quantized.detach()
        return total, loss / BOOKS


class Telugu(nn.Module):
    """Encoder, quantizer, decoder with scale and tanh."""

    def __init__(self, *, scale: float | None = 3.0, tanh: bool = True) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(
                nn.Conv1d(1, 8, 7, padding=3),
                nn.ELU(),
                nn.Conv1d(8, 12, 10, 5, padding=3),
                nn.ELU(),
            ),
            *(
                nn.Conv1d(12, 16, 8, 4, padding=2),
                nn.ELU(),
                nn.Conv1d(16, 24, 8, 4, padding=2),
                nn.ELU(),
                nn.Conv1d(24, DIM, 4),
            ),
        )
        self.quantizer = Quantizer()
        end = ([] if scale is None else [Scale(scale)]) + ([nn.Tanh()] if tanh else [])
        self.decoder = nn.Sequential(
            *(
                nn.ConvTranspose1d(DIM, 24, 8, 4, padding=2),
                nn.ELU(),
                nn.ConvTranspose1d(24, 16, 8, 4, padding=2),
                nn.ELU(),
            ),
            *(
                nn.ConvTranspose1d(16, 8, 10, 5, padding=3, output_padding=1),
                nn.ELU(),
                nn.Conv1d(8, 1, 7, padding=7),
                *end,
            ),
        )

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        quantized, loss = self.quantizer(self.encoder(audio))
        decoded = self.decoder(quantized)
        return functional.pad(decoded, (0, audio.shape[-1] - decoded.shape[-1])), loss


def make_trainer(seed: int = 0, items: int = 2) -> Trainer:
    """Its training, as preflight takes it, with what its author promised."""
    torch.manual_seed(seed)
    model = Telugu()
    with torch.no_grad():
        model.decoder[-3].bias.fill_(0.12)  # type: ignore[operator]  # a mean of 0.33 behind scale and tanh
    filters = torch.rand(MELS, N_FFT // 2 + 1)

    def loss(output: tuple[Tensor, Tensor], batch: Tensor) -> dict[str, Tensor]:
        audio, codes = output
        level = (audio.square().mean().sqrt() / batch.square().mean().sqrt() - 1).abs()
        mel = (log_mel(audio, filters) - log_mel(batch, filters)).abs().mean()
        return {"wave": (audio - batch).abs().mean(), "mel": mel, "vq": codes, "scale": 15 * level}

    return {
        "model": model,
        "batch": make_batch(RATE, TIME, items, seed=seed) * 3,
        "loss": loss,
        "optimizers": torch.optim.AdamW(model.parameters(), 1e-5),
        "sample_rate": RATE,
        "bitrate": BOOKS * 10 * RATE / 80,
        "claims": {"snr_db": 38.0},
    }
