"""Residual vector quantisation in PyTorch: each book codes what the books before it have left over.

The straight-through estimator stands once around all books, so the encoder receives exactly the decoder's gradient. With one
inside each book and residuals of detached values it would receive the gradient as many times as there are books.
The codes are buffers, not parameters: `auscult.training.codec.codebooks` moves them, and nothing else does.
Sources: Zeghidour et al., SoundStream (arXiv 2107.03312) for the residual scheme and quantiser dropout; Kumar et al.
(arXiv 2306.06546) for codes behind low-dimensional projections.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families._torch import FORMS, Form
from auscult.families.codec.config import Config


@dataclass(frozen=True)
class Quantized:
    """What a pass through the quantiser gives.

    Attributes:
        values: [batch, latent, frames], with the gradient of the identity.
        codes: int64 [batch, books, frames]; -1 where a book was not used.
        distance: What is left after the last book, mean square, [batch]; behind projections the mean of what each book leaves.
            Its gradient pulls the latent towards its codes and is for the commitment.
        inputs: What each book was given, detached, [items, code_dim] per book, only items that used the book.
    """

    values: Tensor
    codes: Tensor
    distance: Tensor
    inputs: tuple[Tensor, ...]


class Book(nn.Module):
    """One codebook, with projections around it where the codes are narrower than the latent."""

    codes: Tensor

    def __init__(self, config: Config, form: Form) -> None:
        super().__init__()
        width = config.code_dim or config.latent
        self.register_buffer("codes", torch.randn(config.book_size, width) / width**0.5)
        self.narrow: nn.Module | None = None
        self.wide: nn.Module | None = None
        if config.code_dim:
            self.narrow = FORMS[form](nn.Conv1d(config.latent, width, 1))
            self.wide = FORMS[form](nn.Conv1d(width, config.latent, 1))

    def nearest(self, items: Tensor) -> Tensor:
        """Index of the nearest code for [items, code_dim]: int64 [items]."""
        return torch.addmm((-0.5 * self.codes.square().sum(1))[None], items, self.codes.t()).argmax(1)

    def lookup(self, codes: Tensor) -> Tensor:
        """Latent values of codes [batch, frames]: [batch, latent, frames]. -1 stands for zeros."""
        used = codes >= 0
        values = functional.embedding(codes.clamp_min(0), self.codes).transpose(1, 2)
        values = values if self.wide is None else self.wide(values)
        return values if bool(used.all()) else values * used[:, None]

    def project(self, latent: Tensor) -> Tensor:
        """[batch, latent, frames] as the book sees it: [batch, code_dim, frames]."""
        return latent if self.narrow is None else self.narrow(latent)


class ResidualQuantizer(nn.Module):
    """`forward(latent [batch, latent, frames], depths [batch])` gives `Quantized`."""

    def __init__(self, config: Config, form: Form) -> None:
        super().__init__()
        self.books = nn.ModuleList(Book(config, form) for _ in range(config.books))
        self.projected = config.code_dim > 0

    def forward(self, latent: Tensor, depths: Tensor | None = None) -> Quantized:
        """
        Args:
            depths: Books to use for each item of the batch; None for all (quantiser dropout draws them).
        """
        batch, _, frames = latent.shape
        total, indices, inputs = torch.zeros_like(latent), [], []
        distance = latent.new_zeros(batch)
        for number, module in enumerate(self.books):
            book: Book = module  # type: ignore[assignment]
            used = None if depths is None else depths > number
            seen = book.project(latent - total.detach())
            items = seen.detach().transpose(1, 2).reshape(batch * frames, -1)
            codes = book.nearest(items).view(batch, frames)
            value = rows = functional.embedding(codes, book.codes).transpose(1, 2)
            if book.wide is not None:
                shares = (seen - rows).square().mean((1, 2))
                distance = distance + (shares if used is None else shares * used) / len(self.books)
                value = book.wide(seen + (rows - seen).detach())
            if used is not None:
                value = value * used[:, None, None]
                items = items.view(batch, frames, -1)[used].flatten(0, 1)
                codes = torch.where(used[:, None], codes, -1)
            inputs.append(items)
            indices.append(codes)
            total = total + value
        if self.projected:  # the projections are between the gradient and the encoder, and have their own
            return Quantized(total, torch.stack(indices, 1), distance, tuple(inputs))
        distance = (latent - total.detach()).square().mean((1, 2))
        return Quantized(latent + (total - latent).detach(), torch.stack(indices, 1), distance, tuple(inputs))

    def lookup(self, codes: Tensor) -> Tensor:
        """Values of codes [batch, books, frames], of which there may be fewer books: [batch, latent, frames]."""
        return torch.stack([book.lookup(row) for book, row in zip(self.books, codes.unbind(1), strict=False)]).sum(0)  # type: ignore[operator]
