"""Averages that start uneven, codes far from the latents, codes that are all alike."""

from __future__ import annotations

import torch
from torch import nn

from auscult.preflight_checks.measures.codebooks import find_codebooks
from corpus.training.trainers import Knobs, Shape, Trainer, build_trainer

CAUSE = "codebook-collapse"


def zero_start(shape: Shape, seed: int) -> Trainer:
    return build_trainer(Knobs(shape, seed, start="zero", first_batch=False, revive=0.0))


@torch.no_grad()
def far(shape: Shape, seed: int) -> Trainer:
    """Codes a hundred times as long as they should be."""
    trainer = build_trainer(Knobs(shape, seed, first_batch=False, revive=0.0))
    for layer in trainer["model"].quantizer.layers:
        layer._codebook.embed.mul_(100)
        layer._codebook.embed_avg.mul_(100)
    return trainer


@torch.no_grad()
def alike(shape: Shape, seed: int) -> Trainer:
    """Every row of a book is the same."""
    trainer = build_trainer(Knobs(shape, seed))
    for book in find_codebooks(trainer["model"].quantizer):
        nn.init.constant_(book.stored, 1.0)
    return trainer


VARIANTS = {
    "zero start": (("encodec", "seed"), zero_start),
    "far codes": (("encodec", "seed"), far),
    "codes alike": (("dac",), alike),
}
