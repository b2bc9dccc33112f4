"""An average and a codebook loss on the same books."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from corpus.training.quantizers import EmaBook, EmaLayer, FactorisedBook
from corpus.training.trainers import Knobs, Shape, Trainer, build_trainer

CAUSE = "codebook-double-update"


class LearntLayer(nn.Module):
    """An EMA stage whose book is a parameter with a loss as well."""

    def __init__(self, layer: EmaLayer) -> None:
        super().__init__()
        book = layer._codebook
        assert isinstance(book, EmaBook)
        table = book.embed
        del book.embed
        book.embed = nn.Parameter(table)
        self._codebook = book

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found, codes = self._codebook(x)
        # the book has followed the batch by now; its own loss looks the codes up again
        again = functional.embedding(codes, self._codebook.embed).transpose(1, 2)
        loss = functional.mse_loss(x, found.detach()) + functional.mse_loss(again, x.detach())
        return x + (found - x).detach(), codes, loss


class FollowingBook(FactorisedBook):
    """A factorised book that also drifts to the mean of what it codes."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        out, commitment, book, codes = super().forward(x)
        if self.training:
            with torch.no_grad():
                e = self.in_proj(x).transpose(1, 2).flatten(0, 1)
                hot = functional.one_hot(codes.flatten(), self.codebook.num_embeddings).float()
                counts = hot.sum(dim=0)[:, None]
                mean = hot.T @ e.float() / counts.clamp_min(1)
                self.codebook.weight.data.lerp_(
                    torch.where(counts > 0, mean, self.codebook.weight), 0.05
                )
        return out, commitment, book, codes


def learnt(shape: Shape, seed: int) -> Trainer:
    def wrap(quantizer: nn.Module) -> nn.Module:
        quantizer.layers = nn.ModuleList(LearntLayer(layer) for layer in quantizer.layers)  # type: ignore[union-attr]
        return quantizer

    return build_trainer(Knobs(shape, seed, quantizer=wrap))


def following(shape: Shape, seed: int) -> Trainer:
    def wrap(quantizer: nn.Module) -> nn.Module:
        for book in quantizer.quantizers:  # type: ignore[union-attr]
            book.__class__ = FollowingBook
        return quantizer

    return build_trainer(Knobs(shape, seed, quantizer=wrap))


VARIANTS = {
    "average with a loss": (("encodec", "seed"), learnt),
    "loss with an average": (("dac",), following),
}
