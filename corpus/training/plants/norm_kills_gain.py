"""Instance norm on the way in; peak normalisation inside the model."""

from __future__ import annotations

from torch import Tensor

from corpus.training.trainers import CODECS, SHAPES, Knobs, Shape, Trainer, build_trainer

CAUSE = "norm-kills-gain"


def peak(audio: Tensor) -> Tensor:
    return 0.9 * audio / audio.abs().amax(dim=(-2, -1), keepdim=True).clamp_min(1e-8)


def instance_norm(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, norm=True))


def peak_norm(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, before=peak))


VARIANTS = {"instance norm": (SHAPES, instance_norm), "peak norm": (CODECS, peak_norm)}
