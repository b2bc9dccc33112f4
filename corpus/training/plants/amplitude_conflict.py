"""A scale with a tanh, with and without a loss on the level."""

from __future__ import annotations

from torch import Tensor

from corpus.training.trainers import SHAPES, Knobs, Shape, Trainer, build_trainer

CAUSE = "amplitude-conflict"


def level_loss(output: Tensor, target: Tensor) -> Tensor:
    """How far the RMS ratio is from 1."""
    return (output.square().mean().sqrt() / target.square().mean().sqrt() - 1).abs()


def scale_and_tanh(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, scale=3.0, tanh=True))


def three_owners(shape: Shape, seed: int) -> Trainer:
    """As in the codec that collapsed: scale, tanh, and fifteen times a loss on the level."""
    trainer = build_trainer(Knobs(shape, seed, scale=3.0, tanh=True))
    loss = trainer["loss"]

    def with_level(output: object, batch: object) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = loss(output, batch)
        audio = output["audio"] if isinstance(output, dict) else output
        target = batch[1] if isinstance(batch, tuple) else batch
        return {**terms, "level": 15 * level_loss(audio, target)}  # type: ignore[arg-type]

    return {**trainer, "loss": with_level}


VARIANTS = {"scale and tanh": (SHAPES, scale_and_tanh), "three owners": (SHAPES, three_owners)}
