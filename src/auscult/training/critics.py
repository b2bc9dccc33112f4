"""Critics of a generator's sound: of spectrograms at several resolutions, and of the waveform folded
at several periods.

Least squares, not hinge: a hinge critic that learns nothing stands at a loss of 2 that looks like
balance. Sources: Kong et al., HiFi-GAN (arXiv 2010.05646) for the folded waveform, least squares
and feature matching; Jang et al., UnivNet (arXiv 2106.07889) for spectrograms.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.training.losses import SpectrogramCritic, compute_critic_loss

RESOLUTIONS = ((1024, 256), (512, 128), (256, 64))
"""(n_fft, hop) in samples."""
PERIODS = (2, 3, 5, 7, 11)
"""Primes, so that no two folds see the same samples together."""


class PeriodCritic(nn.Module):
    """Judges the waveform folded to [time / period, period]; returns the judgement and the features
    on the way.
    """

    def __init__(self, period: int, channels: int) -> None:
        super().__init__()
        self.period = period
        norm = nn.utils.parametrizations.weight_norm
        widths = (1, channels, 2 * channels, 4 * channels)
        self.layers = nn.ModuleList(
            norm(nn.Conv2d(source, target, (5, 1), stride=(3, 1), padding=(2, 0)))
            for source, target in pairwise(widths)
        )
        self.last = norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, samples: Tensor) -> tuple[Tensor, list[Tensor]]:
        batch, time = samples.shape
        x = functional.pad(samples, (0, -time % self.period)).view(batch, 1, -1, self.period)
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.last(x), features


class SoundCritics(nn.Module):
    """`forward(output, target)`, [batch, time] each, is the critics' own loss; `generator_loss` is
    what they ask of the generator.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        spectral = [SpectrogramCritic(n_fft, hop, channels) for n_fft, hop in RESOLUTIONS]
        self.critics = nn.ModuleList(
            [*spectral, *(PeriodCritic(period, channels) for period in PERIODS)]
        )

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return compute_critic_loss(self.critics, output, target)

    def generator_loss(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """`adversarial`: how far the critics are from calling the output real; `matching`: L1
        between the features of both.
        """
        adversarial, matching = output.new_zeros(()), output.new_zeros(())
        features_count = 0
        for critic in self.critics:
            with torch.no_grad():
                target_features = critic(target)[1]
            judged, features = critic(output)
            adversarial = adversarial + (judged - 1).square().mean()
            features_count += len(features)
            for a, b in zip(features, target_features, strict=True):
                matching = matching + functional.l1_loss(a, b) / b.abs().mean().clamp_min(1e-3)
        return {
            "adversarial": adversarial / len(self.critics),
            "matching": matching / features_count,
        }
