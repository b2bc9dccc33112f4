"""Losses of the codec: what it is to reproduce, sample by sample and in its spectrum.

Sources: multi-resolution STFT loss of Yamamoto et al. (arXiv 1910.11480); multi-scale mel loss of
Kumar et al. (arXiv 2306.06546).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.sound.mel import mel_filterbank
from auscult.sound.mel_definition import MelDefinition
from auscult.training.losses import StftLoss, average_over_processes, compute_magnitude

RESOLUTIONS = ((1024, 256), (512, 128), (256, 64))
"""(n_fft, hop) in samples."""
MEL_SCALES = ((2048, 80), (1024, 80), (512, 40), (256, 20), (128, 10))
"""(n_fft, bands); the hop is a quarter of n_fft."""
FLOOR = 1e-5  # share of the batch's power below which an error is as good as none


def waveform_loss(output: Tensor, target: Tensor) -> Tensor:
    """Half the logarithm of the squared error over the power, of the whole batch [batch, 1, time]:
    falling by 1 is 8.7 dB of SNR.

    The logarithm keeps the gradient's size while the error shrinks; the sum over the batch asks for
    bits where the power is.
    """
    return 0.5 * _relative_error(output, target).log()


def _relative_error(output: Tensor, target: Tensor) -> Tensor:
    error, power = (
        average_over_processes((output - target).square().mean()),
        average_over_processes(target.square().mean()),
    )
    return error / power.clamp_min(1e-9) + FLOOR


def commitment_loss(
    output: Tensor, target: Tensor, latent_power: Tensor, distance: Tensor
) -> Tensor:
    """What the quantiser leaves of the latents, in the units of `waveform_loss`.

    The straight-through gradient wants the latent to move away from its code by as much as the code
    misses it: that would cancel the error if the code came along, but it does not, and the latents
    spread until the books no longer cover them. With a weight of 1 this term takes exactly that
    part away where the decoder keeps distances, whatever the latent's scale.

    Args:
        latent_power: Mean square of the latent, scalar.
        distance: `Quantized.distance`, [batch].
    """
    power = average_over_processes(latent_power).clamp_min(1e-12)
    return 0.5 * (distance.mean() / power) / _relative_error(output, target).detach()


class MelLoss(nn.Module):
    """L1 of log10-mel over several window lengths."""

    def __init__(self, sample_rate: int, scales: tuple[tuple[int, int], ...] = MEL_SCALES) -> None:
        super().__init__()
        self.scales = scales
        for n_fft, bands in scales:
            definition = MelDefinition(
                sample_rate=sample_rate,
                n_fft=n_fft,
                win=n_fft,
                hop=n_fft // 4,
                n_mels=bands,
                fmax=sample_rate / 2,
            )
            self.register_buffer(
                f"filters{n_fft}",
                torch.from_numpy(mel_filterbank(definition).copy()),
                persistent=False,
            )
            self.register_buffer(f"window{n_fft}", torch.hann_window(n_fft), persistent=False)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """[batch, time] each; windows longer than the time are left out."""
        total = output.new_zeros(())
        scales = [n_fft for n_fft, _ in self.scales if n_fft <= output.shape[-1]]
        for n_fft in scales:
            filters, window = getattr(self, f"filters{n_fft}"), getattr(self, f"window{n_fft}")
            x, y = (
                (filters @ compute_magnitude(side, n_fft, n_fft // 4, window))
                .clamp_min(1e-5)
                .log10()
                for side in (output, target)
            )
            total = total + functional.l1_loss(x, y)
        return total / max(1, len(scales))


class CodecLosses(nn.Module):
    """The terms that need no critic, by name."""

    def __init__(self, sample_rate: int, *, mel: bool, spectral: bool) -> None:
        super().__init__()
        self.stft = StftLoss(RESOLUTIONS) if spectral else None
        self.mel = MelLoss(sample_rate) if mel else None

    def forward(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Of [batch, 1, time]."""
        terms = {"waveform": waveform_loss(output, target)}
        if self.stft is not None:
            terms["spectral"] = self.stft(output[:, 0], target[:, 0])
        if self.mel is not None:
            terms["mel"] = self.mel(output[:, 0], target[:, 0])
        return terms
