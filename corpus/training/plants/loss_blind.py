"""A mel through random filters, a detached input, a constant, a comparison of the target with itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from corpus.training.trainers import (
    MELS,
    N_FFT,
    SHAPES,
    Knobs,
    Shape,
    Trainer,
    build_trainer,
    log_mel,
    mel_loss,
)

CAUSE = "loss-blind"


def _with_mel(shape: Shape, seed: int, mel: Callable[[Tensor, Tensor], Tensor]) -> Trainer:
    trainer = build_trainer(Knobs(shape, seed))
    loss = trainer["loss"]

    def changed(output: object, batch: object) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = loss(output, batch)
        audio = output["audio"] if isinstance(output, dict) else output
        target = batch[1] if isinstance(batch, tuple) else batch
        return {**terms, "mel": mel(audio, target)}  # type: ignore[arg-type]

    return {**trainer, "loss": changed}


def random_filters(shape: Shape, seed: int) -> Trainer:
    filters = torch.rand(MELS, N_FFT // 2 + 1, generator=torch.Generator().manual_seed(seed))
    return _with_mel(
        shape, seed, lambda a, b: (log_mel(a, filters) - log_mel(b, filters)).abs().mean()
    )


def detached(shape: Shape, seed: int) -> Trainer:
    return _with_mel(shape, seed, lambda a, b: mel_loss(a.detach(), b))


def itself(shape: Shape, seed: int) -> Trainer:
    return _with_mel(shape, seed, lambda _, b: mel_loss(b, b))


def constant(shape: Shape, seed: int) -> Trainer:
    return _with_mel(shape, seed, lambda *_: torch.tensor(2.0))


VARIANTS = {
    "random filters": (SHAPES, random_filters),
    "detached": (SHAPES, detached),
    "target with itself": (SHAPES, itself),
    "constant": (SHAPES, constant),
}
