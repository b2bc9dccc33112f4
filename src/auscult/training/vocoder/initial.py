"""Where a vocoder's weights start."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from auscult.families.hifigan.config import Config as HifiganConfig
from auscult.families.hifigan.torch import build as build_hifigan
from auscult.families.vocos.config import Config as VocosConfig
from auscult.families.vocos.torch import build as build_vocos
from auscult.training.losses import compute_magnitude

VOCOS_DEVIATION = 0.02
"""Of the initial weights, cut at two of it. Source: gemelo-ai/vocos models.py."""


def start_generator(config: VocosConfig | HifiganConfig, samples: Tensor) -> Any:
    """A generator with random weights, HiFi-GAN's under weight norm.

    Args:
        samples: Training speech [time], of which Vocos learns the mean spectrum beforehand.
    """
    if isinstance(config, HifiganConfig):
        return build_hifigan(config, "weight-norm-new")
    generator = build_vocos(config)
    _start_vocos(generator, samples)
    return generator


@torch.no_grad()
def _start_vocos(generator: Any, samples: Tensor) -> None:
    """Vocos as its authors start it, but for the head's bias: the mean log magnitude of the speech instead of 0."""
    for layer in generator.modules():
        if isinstance(layer, nn.Conv1d | nn.Linear):
            limit = 2 * VOCOS_DEVIATION
            nn.init.trunc_normal_(layer.weight, std=VOCOS_DEVIATION, a=-limit, b=limit)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    head = generator.head
    n_fft = head.config.n_fft
    if len(samples) >= n_fft:
        magnitude = compute_magnitude(samples[None], n_fft, head.config.hop_length, head.window)
        head.out.bias[: n_fft // 2 + 1] = magnitude[0].clamp_min(1e-5).log().mean(-1)


def build_plain(config: VocosConfig | HifiganConfig) -> nn.Module:
    """The generator as it is used, without weight norm."""
    if isinstance(config, HifiganConfig):
        return build_hifigan(config)
    return build_vocos(config)
