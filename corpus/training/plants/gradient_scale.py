"""Straight-through once per book; a backward pass that scales, in a part or between parts."""

from __future__ import annotations

import functools

from torch import Tensor, nn

from corpus.training.trainers import CODECS, Knobs, Shape, Trainer, build_trainer

CAUSE = "gradient-scale"


def scaled(value: Tensor, factor: float) -> Tensor:
    """The value itself, with its gradient multiplied."""
    return factor * value + (1 - factor) * value.detach()


class Scaled(nn.Module):
    """A part whose gradient is multiplied."""

    def __init__(self, inner: nn.Module, factor: float) -> None:
        super().__init__()
        self.inner, self.factor = inner, factor

    def forward(self, x: Tensor) -> Tensor:
        return scaled(self.inner(x), self.factor)


def each_book(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, estimator="each"))


def in_encoder(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, encoder=functools.partial(Scaled, factor=8.0)))


def in_decoder(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, decoder=functools.partial(Scaled, factor=0.1)))


def between(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, between=functools.partial(scaled, factor=3.0)))


VARIANTS = {
    "each book": (CODECS, each_book),
    "encoder x8": (CODECS, in_encoder),
    "decoder x0.1": ((*CODECS, "hifigan"), in_decoder),
    "between x3": (CODECS, between),
}
