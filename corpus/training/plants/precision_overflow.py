"""A root of zero, a logarithm of zero."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from corpus.training.trainers import SHAPES, Knobs, Shape, Trainer, build_trainer

CAUSE = "precision-overflow"


def _with_term(
    shape: Shape, seed: int, name: str, term: Callable[[Tensor, Tensor], Tensor]
) -> Trainer:
    trainer = build_trainer(Knobs(shape, seed))
    loss = trainer["loss"]

    def changed(output: object, batch: object) -> dict[str, Tensor]:
        audio = output["audio"] if isinstance(output, dict) else output
        target = batch[1] if isinstance(batch, tuple) else batch
        return {**loss(output, batch), name: term(audio, target)}  # type: ignore[arg-type]

    return {**trainer, "loss": changed}


def root(shape: Shape, seed: int) -> Trainer:
    """|x| as √(x²), whose derivative at 0 is not a number; the padded last sample is 0."""
    return _with_term(
        shape,
        seed,
        "root",
        lambda a, b: (0.0 * a[..., -8:]).square().sqrt().mean() + (a - b).abs().mean(),
    )


def logarithm(shape: Shape, seed: int) -> Trainer:
    """A log spectrum without a floor, of a target with digital silence."""

    def term(a: Tensor, b: Tensor) -> Tensor:
        power = [
            torch.fft.rfft(
                torch.cat([side[..., :256], torch.zeros_like(side[..., :256])], -1)
            ).abs()
            for side in (a, 0.0 * b)
        ]
        return (power[0].log() - power[1].log()).abs().mean()

    return _with_term(shape, seed, "log spectrum", term)


VARIANTS = {"root of zero": (SHAPES, root), "log of zero": (SHAPES, logarithm)}
