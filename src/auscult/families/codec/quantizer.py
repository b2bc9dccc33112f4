"""Residual vector quantisation in PyTorch: each book codes what the books before it have left over.

The straight-through estimator stands once around all books, so the encoder receives exactly the decoder's gradient. With one
inside each book and residuals of detached values it would receive the gradient as many times as there are books.
Where the number of books varies, loud frames get more bits than quiet ones, as reverse water-filling asks: every group of frames
uses books until what is left of it is below one level.
The codes are buffers, not parameters: `auscult.training.codec.codebooks` moves them, and nothing else does.
Sources: Zeghidour et al., SoundStream (arXiv 2107.03312) for the residual scheme and quantiser dropout; Kumar et al.
(arXiv 2306.06546) for codes behind low-dimensional projections.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families._torch import WEIGHT_NORM_FORMS, WeightNormForm
from auscult.families.codec.config import Config


@dataclass(frozen=True)
class Quantized:
    """What a pass through the quantiser gives.

    Attributes:
        values: [batch, latent, frames], with the gradient of the identity.
        codes: int64 [batch, books, frames]; -1 where a book was not used.
        distance: What is left after the last book, mean square, [batch]; behind projections the mean of what each book leaves.
            Its gradient pulls the latent towards its codes and is for the commitment.
        power: Mean square of the latent, scalar, without gradient.
        inputs: What each book was given, detached, [items, code_dim] per book, only items that used the book.
    """

    values: Tensor
    codes: Tensor
    distance: Tensor
    power: Tensor
    inputs: tuple[Tensor, ...]


class Book(nn.Module):
    """One codebook, with projections around it where the codes are narrower than the latent."""

    codes: Tensor

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        width = config.code_dim or config.latent
        self.register_buffer("codes", torch.randn(config.book_size, width) / width**0.5)
        self.narrow: nn.Module | None = None
        self.wide: nn.Module | None = None
        if config.code_dim:
            self.narrow = WEIGHT_NORM_FORMS[form](nn.Conv1d(config.latent, width, 1))
            self.wide = WEIGHT_NORM_FORMS[form](nn.Conv1d(width, config.latent, 1))

    def nearest(self, items: Tensor) -> Tensor:
        """Index of the nearest code for [items, code_dim]: int64 [items]."""
        codes = self.codes.float()
        return torch.addmm((-0.5 * codes.square().sum(1))[None], items, codes.t()).argmax(1)

    def lookup(self, codes: Tensor) -> Tensor:
        """Latent values of codes [batch, frames]: [batch, latent, frames]. -1 stands for zeros."""
        used = codes >= 0
        values = functional.embedding(codes.clamp_min(0), self.codes).transpose(1, 2)
        values = values if self.wide is None else self.wide(values)
        return values * used[:, None]

    def project(self, latent: Tensor) -> Tensor:
        """[batch, latent, frames] as the book sees it: [batch, code_dim, frames]."""
        return latent if self.narrow is None else self.narrow(latent.to(self.codes.dtype)).float()


class ResidualQuantizer(nn.Module):
    """`forward(latent [batch, latent, frames])` gives `Quantized`.

    Distances are taken in 32 bits, under mixed precision and in a codec that was cast to 16; that one gets values of its kind.

    Attributes:
        level: Mean square that a group's residual must exceed for a further book, [1], where the number of books varies.
    """

    level: Tensor

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        self.books = nn.ModuleList(Book(config, form) for _ in range(config.books))
        self.projected = config.code_dim > 0
        self.average, self.group = config.average, config.group
        if config.average:
            self.register_buffer("level", torch.zeros(1))

    def forward(
        self, latent: Tensor, depths: Tensor | None = None, level: Tensor | None = None
    ) -> Quantized:
        """
        Args:
            depths: Books that each item of the batch may use; None for all (quantiser dropout draws them).
            level: Instead of the one that training has found.
        """
        with torch.autocast(latent.device.type, enabled=False):
            return self._quantize(latent.float(), depths, level)

    def _quantize(self, latent: Tensor, depths: Tensor | None, level: Tensor | None) -> Quantized:
        batch, _, frames = latent.shape
        total, indices, inputs = torch.zeros_like(latent), [], []
        distance = latent.new_zeros(batch)
        used = torch.ones(batch, frames, dtype=torch.bool, device=latent.device)
        for number, module in enumerate(self.books):
            book: Book = module  # type: ignore[assignment]
            residual = latent - total.detach()
            if depths is not None:
                used = used & (depths > number)[:, None]
            if self.average:
                used = used & self.above(residual.detach(), self.level if level is None else level)
            seen = book.project(residual)
            items = seen.detach().transpose(1, 2)[used]
            codes = torch.full((batch, frames), -1, device=latent.device)
            codes[used] = book.nearest(items)
            rows = (
                functional.embedding(codes.clamp_min(0), book.codes).float().transpose(1, 2)
                * used[:, None]
            )
            if book.wide is None:
                total = total + rows
            else:
                distance = distance + ((seen - rows).square().mean(1) * used).mean(1) / len(
                    self.books
                )
                total = (
                    total
                    + book.wide((seen + (rows - seen).detach()).to(book.codes.dtype)).float()
                    * used[:, None]
                )
            inputs.append(items)
            indices.append(codes)
        power = latent.detach().square().mean()
        if (
            self.projected
        ):  # the projections are between the gradient and the encoder, and have their own
            return Quantized(
                total.to(book.codes.dtype), torch.stack(indices, 1), distance, power, tuple(inputs)
            )
        distance = (latent - total.detach()).square().mean((1, 2))
        values = (latent + (total - latent).detach()).to(book.codes.dtype)
        return Quantized(values, torch.stack(indices, 1), distance, power, tuple(inputs))

    def above(self, residual: Tensor, level: Tensor) -> Tensor:
        """Which frames [batch, frames] are in a group whose residual [batch, latent, frames] is above the level."""
        return (self._energy(residual) > level).repeat_interleave(self.group, 1)[
            :, : residual.shape[-1]
        ]

    def _energy(self, residual: Tensor) -> Tensor:
        """Mean square of each group, [batch, groups]; a last group that is not full counts as if it went on with zeros."""
        energy = functional.pad(residual.square().mean(1), (0, -residual.shape[-1] % self.group))
        return energy.unflatten(1, (-1, self.group)).mean(2)

    @torch.no_grad()
    def fit(self, latent: Tensor, average: float | None = None) -> Tensor:
        """The level, [1], at which this latent uses at most `average` books per frame."""
        energies = []
        total, latent = torch.zeros_like(latent), latent.float()
        for book in self.books:
            energies.append(self._energy(latent - total))
            items = book.project(latent - total).transpose(1, 2).flatten(0, 1)  # type: ignore[operator]
            total = total + book.lookup(book.nearest(items).view(len(latent), -1)).float()  # type: ignore[operator]
        before = torch.stack(energies).cummin(0).values  # a group that has stopped has stopped
        count = int((self.average if average is None else average) * before[0].numel())
        return before.flatten().sort(descending=True).values[min(count, before.numel() - 1)][None]

    def lookup(self, codes: Tensor) -> Tensor:
        """Values of codes [batch, books, frames], of which there may be fewer books: [batch, latent, frames]."""
        pairs = zip(self.books, codes.unbind(1), strict=False)
        return torch.stack([book.lookup(row) for book, row in pairs]).sum(0)  # type: ignore[operator]
