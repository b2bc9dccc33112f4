"""Optimizers without a part, with a rate of zero for it, or of a model that is no longer there."""

from __future__ import annotations

import copy

import torch

from corpus.training.trainers import CODECS, SHAPES, Knobs, Shape, Trainer, build_trainer

CAUSE = "frozen-by-accident"


def decoder_alone(shape: Shape, seed: int) -> Trainer:
    trainer = build_trainer(Knobs(shape, seed))
    return {**trainer, "optimizers": torch.optim.Adam(trainer["model"].decoder.parameters(), 1e-3)}


def zero_rate(shape: Shape, seed: int) -> Trainer:
    trainer = build_trainer(Knobs(shape, seed))
    parameters = list(trainer["model"].parameters())
    half = len(parameters) // 2
    groups = [{"params": parameters[:half], "lr": 1e-3}, {"params": parameters[half:], "lr": 0.0}]
    return {**trainer, "optimizers": torch.optim.Adam(groups)}


def replaced(shape: Shape, seed: int) -> Trainer:
    """A part is exchanged after the optimizer was made."""
    trainer = build_trainer(Knobs(shape, seed))
    model = trainer["model"]
    name = "generator" if shape == "hifigan" else "decoder"
    setattr(model, name, copy.deepcopy(getattr(model, name)))
    return trainer


def switched_off(shape: Shape, seed: int) -> Trainer:
    trainer = build_trainer(Knobs(shape, seed))
    trainer["model"].encoder.requires_grad_(False)
    return trainer


VARIANTS = {
    "decoder alone": (CODECS, decoder_alone),
    "rate of zero": (SHAPES, zero_rate),
    "replaced part": (SHAPES, replaced),
    "switched off": (CODECS, switched_off),
}
