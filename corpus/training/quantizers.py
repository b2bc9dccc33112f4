"""Residual quantizers of the shapes in use: EMA books (EnCodec), factorised books trained by gradient (DAC), and that of the codec which collapsed."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Estimator = Literal["once", "each", "missing"]
"""The straight-through gradient: once for all books; each book its full gradient; none."""
Start = Literal["even", "zero"]


class EmaBook(nn.Module):
    """A codebook that follows the mean of what it codes.

    `start` is how the averages begin: `even` (one vector per code, so that nothing changes), or `zero` (counts of zero over
    random sums, which throws every unused code out of reach at the first update).
    """

    inited: Tensor
    embed: Tensor
    cluster_size: Tensor
    embed_avg: Tensor

    def __init__(
        self,
        codes: int,
        dim: int,
        *,
        start: Start = "even",
        first_batch: bool = True,
        revive: float = 0.0,
    ) -> None:
        super().__init__()
        self.decay, self.revive = 0.95, revive
        self.register_buffer("inited", torch.tensor(not first_batch))
        self.register_buffer("embed", torch.randn(codes, dim))
        self.register_buffer(
            "cluster_size", torch.ones(codes) if start == "even" else torch.zeros(codes)
        )
        self.register_buffer(
            "embed_avg", self.embed.clone() if start == "even" else torch.randn(codes, dim)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.float()
        flat = x.transpose(1, 2).reshape(-1, x.shape[1])
        if self.training and not bool(self.inited):
            self._start_from_batch(flat.detach())
        codes = torch.cdist(flat, self.embed).argmin(dim=-1)
        quantized = functional.embedding(codes, self.embed)
        if self.training:
            self._update_averages(flat.detach(), codes)
        return quantized.view(x.shape[0], x.shape[2], -1).transpose(1, 2), codes.view(
            x.shape[0], -1
        )

    @torch.no_grad()
    def _start_from_batch(self, flat: Tensor) -> None:
        chosen = flat[torch.randint(len(flat), (len(self.embed),))]
        self.embed.copy_(chosen + 0.01 * flat.std() * torch.randn_like(chosen))
        self.embed_avg.copy_(self.embed)
        self.cluster_size.fill_(1.0)
        self.inited.fill_(True)

    @torch.no_grad()
    def _update_averages(self, flat: Tensor, codes: Tensor) -> None:
        hot = functional.one_hot(codes, len(self.embed)).to(flat.dtype)
        self.cluster_size.lerp_(hot.sum(dim=0), 1 - self.decay)
        self.embed_avg.lerp_((hot.T @ flat).float(), 1 - self.decay)
        self.embed.copy_(self.embed_avg / self.cluster_size.clamp_min(1e-5)[:, None])
        if self.revive:
            self._revive(flat)

    def _revive(self, flat: Tensor) -> None:
        """Codes that hardly anything uses any more start anew from vectors of the batch."""
        dead = self.cluster_size < self.revive
        chosen = flat[torch.randint(len(flat), (int(dead.sum()),))]
        self.embed[dead] = chosen
        self.embed_avg[dead] = chosen * self.revive
        self.cluster_size[dead] = self.revive


class EmaLayer(nn.Module):
    """One stage: a book, with the straight-through estimate and its commitment."""

    def __init__(self, book: nn.Module) -> None:
        super().__init__()
        self._codebook = book

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        quantized, codes = self._codebook(x)
        commitment = functional.mse_loss(x, quantized.detach())
        return x + (quantized - x).detach(), codes, commitment


class EmaQuantizer(nn.Module):
    """Residual stages over EMA books."""

    def __init__(
        self,
        books: int,
        codes: int,
        dim: int,
        *,
        estimator: Estimator = "once",
        start: Start = "even",
        first_batch: bool = True,
        revive: float = 0.0,
    ) -> None:
        super().__init__()
        self.estimator = estimator
        self.layers = nn.ModuleList(
            EmaLayer(EmaBook(codes, dim, start=start, first_batch=first_batch, revive=revive))
            for _ in range(books)
        )

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        residual, total, penalty, codes = z, torch.zeros_like(z), z.new_zeros(()), []
        for layer in self.layers:
            quantized, chosen, commitment = layer(residual)
            total = total + quantized
            residual = residual - (quantized.detach() if self.estimator == "each" else quantized)
            penalty = penalty + commitment
            codes.append(chosen)
        if self.estimator == "missing":
            total = total.detach()
        return total, torch.stack(codes), penalty / len(self.layers)


class FactorisedBook(nn.Module):
    """DAC's stage: down to a few dimensions, nearest by direction, and up again; trained by gradient."""

    def __init__(self, codes: int, dim: int, inner: int = 4) -> None:
        super().__init__()
        self.in_proj = nn.Conv1d(dim, inner, 1)
        self.out_proj = nn.Conv1d(inner, dim, 1)
        self.codebook = nn.Embedding(codes, inner)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        e = self.in_proj(x)
        flat = e.transpose(1, 2).reshape(-1, e.shape[1])
        likeness = functional.normalize(flat) @ functional.normalize(self.codebook.weight).T
        codes = likeness.max(dim=1).indices.view(e.shape[0], -1)
        quantized = functional.embedding(codes, self.codebook.weight).transpose(1, 2)
        commitment = functional.mse_loss(e, quantized.detach())
        book = functional.mse_loss(quantized, e.detach())
        return self.out_proj(e + (quantized - e).detach()), commitment, book, codes


class FactorisedQuantizer(nn.Module):
    """Residual stages of factorised books, all of them used (quantizer dropout is a choice of the trainer)."""

    def __init__(
        self,
        books: int,
        codes: int,
        dim: int,
        *,
        estimator: Estimator = "once",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.estimator, self.dropout = estimator, dropout
        self.quantizers = nn.ModuleList(FactorisedBook(codes, dim) for _ in range(books))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        residual, total, commitment, book, codes = (
            z,
            torch.zeros_like(z),
            z.new_zeros(()),
            z.new_zeros(()),
            [],
        )
        used = len(self.quantizers)
        if self.training and self.dropout and float(torch.rand(())) < self.dropout:
            used = int(torch.randint(1, used + 1, ()))
        for quantizer in list(self.quantizers)[:used]:
            quantized, own_commitment, own_book, chosen = quantizer(residual)
            total = total + quantized
            residual = residual - quantized
            commitment, book = commitment + own_commitment, book + own_book
            codes.append(chosen)
        if self.estimator == "missing":
            total = total.detach()
        if self.estimator == "each":
            total = len(self.quantizers) * total - (len(self.quantizers) - 1) * total.detach()
        return total, torch.stack(codes), commitment, book
