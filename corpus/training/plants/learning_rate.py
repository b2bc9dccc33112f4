"""Rates that are far too low, or far too high."""

from __future__ import annotations

from corpus.training.trainers import SHAPES, Knobs, Shape, Trainer, build_trainer

CAUSE = "learning-rate"


def low(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, rate=2e-6))


def high(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, rate=3.0))


VARIANTS = {"low": (SHAPES, low), "high": (SHAPES, high)}
