"""An output that starts at an offset."""

from __future__ import annotations

import torch
from torch import nn

from corpus.training.trainers import SHAPES, Knobs, Shape, Trainer, build_trainer

CAUSE = "dc"


@torch.no_grad()
def offset(shape: Shape, seed: int) -> Trainer:
    trainer = build_trainer(Knobs(shape, seed))
    last = [
        layer
        for layer in trainer["model"].modules()
        if isinstance(layer, nn.Conv1d) and layer.out_channels == 1
    ][-1]
    assert last.bias is not None
    last.bias.fill_(0.33)
    return trainer


VARIANTS = {"offset": (SHAPES, offset)}
