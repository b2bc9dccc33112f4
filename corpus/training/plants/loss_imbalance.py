"""A weight that is off by orders of magnitude."""

from __future__ import annotations

from torch import Tensor

from corpus.training.trainers import SHAPES, Knobs, Shape, Trainer, build_trainer

CAUSE = "loss-imbalance"


def _weighted(shape: Shape, seed: int, name: str, weight: float) -> Trainer:
    trainer = build_trainer(Knobs(shape, seed))
    loss = trainer["loss"]

    def changed(output: object, batch: object) -> dict[str, Tensor]:
        return {
            term: value * (weight if term == name else 1.0)
            for term, value in loss(output, batch).items()
        }

    return {**trainer, "loss": changed}


def loud_mel(shape: Shape, seed: int) -> Trainer:
    return _weighted(shape, seed, "mel", 1e6)


def faint_mel(shape: Shape, seed: int) -> Trainer:
    return _weighted(shape, seed, "mel", 1e-11)


def faint_wave(shape: Shape, seed: int) -> Trainer:
    return _weighted(shape, seed, "wave", 1e-5)


VARIANTS = {
    "loud mel": (SHAPES, loud_mel),
    "faint mel": (SHAPES, faint_mel),
    "faint wave": (SHAPES, faint_wave),
}
