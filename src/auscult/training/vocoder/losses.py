"""Losses of a vocoder that need no critic: of the log bands that it is fed, and of magnitudes at several resolutions.

A sample-by-sample loss would be blind to everything but phase, which a mel does not have, so none is used.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.sound.mel import build_window, count_padding, mel_filterbank
from auscult.sound.mel_definition import MelDefinition
from auscult.training.losses import RESOLUTIONS, StftLoss, compute_magnitude

FLOOR = 1e-5
"""Least value of a band under the logarithm. HiFi-GAN's, of its mel."""


class BandLoss(nn.Module):
    """L1 of the natural logarithm of the bands of a mel definition: [batch, time] each.

    Magnitudes always, whatever the definition's power and logarithm are: its frames and filters are what counts.
    """

    filters: Tensor
    window: Tensor

    def __init__(self, mel: MelDefinition) -> None:
        super().__init__()
        self.mel = mel
        self.start = -count_padding(mel) % mel.hop
        """First sample of the first frame that needs no padding: where the mel's own frames lie, not between them."""
        filters = mel_filterbank(mel)
        self.register_buffer("filters", torch.from_numpy(filters.copy()), persistent=False)
        self.register_buffer("window", torch.from_numpy(build_window(mel)), persistent=False)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return functional.l1_loss(self.compute_bands(output), self.compute_bands(target))

    def compute_bands(self, samples: Tensor) -> Tensor:
        """[batch, time] to [batch, bands, frames]."""
        samples = samples[:, self.start :]
        magnitude = compute_magnitude(samples, self.mel.n_fft, self.mel.hop, self.window)
        bands: Tensor = (self.filters @ magnitude).clamp_min(FLOOR).log()
        return bands


class VocoderLosses(nn.Module):
    """The terms, by name."""

    def __init__(self, mel: MelDefinition, length: int, *, bands: bool, stft: bool) -> None:
        """
        Args:
            length: Samples of a segment; resolutions with longer windows are left out.
        """
        super().__init__()
        resolutions = [pair for pair in RESOLUTIONS if pair[0] <= length]
        self.mel = BandLoss(mel) if bands and mel.n_fft + mel.hop <= length else None
        self.stft = StftLoss(resolutions) if stft and resolutions else None

    def forward(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Of [batch, 1, time]."""
        terms: dict[str, Tensor] = {}
        if self.mel is not None:
            terms["mel"] = self.mel(output[:, 0], target[:, 0])
        if self.stft is not None:
            terms["stft"] = self.stft(output[:, 0], target[:, 0])
        return terms
