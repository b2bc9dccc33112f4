"""No estimate at all; a detached passage before the quantizer."""

from __future__ import annotations

from torch import Tensor

from corpus.training.trainers import CODECS, Knobs, Shape, Trainer, build_trainer

CAUSE = "straight-through-missing"


def missing(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, estimator="missing"))


def detached(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, between=Tensor.detach))


VARIANTS = {"no estimate": (CODECS, missing), "detached latents": (CODECS, detached)}
