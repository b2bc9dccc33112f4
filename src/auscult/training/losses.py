"""What a waveform is compared by: log-mel bands, magnitudes at several resolutions, and small
critics.

A sample-by-sample L1 would be blind to everything but phase (its optimum for an unknown phase is
silence), so none is used. Sources: multi-resolution STFT loss of Yamamoto et al., Parallel WaveGAN
(arXiv 1910.11480); mel loss, feature matching and least-squares critics of Kong et al., HiFi-GAN
(arXiv 2010.05646); spectrogram critics of Jang et al., UnivNet (arXiv 2106.07889).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from auscult.sound.mel import build_window, count_padding, mel_filterbank
from auscult.sound.mel_definition import MelDefinition

RESOLUTIONS = ((2048, 512), (1024, 256), (512, 128), (256, 64))
"""(n_fft, hop) in samples.

The longest sees a pitch that is pulled to a multiple of the frame rate.
"""


def count_processes() -> int:
    """That train together."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


def average_over_processes(value: Tensor) -> Tensor:
    """The mean of a value over the processes, with the gradient of the own one: averaged over them,
    that is the mean's.
    """
    if count_processes() == 1:
        return value
    whole = value.detach().clone()
    distributed.all_reduce(whole)
    return value + (whole / count_processes() - value.detach())


def norm_over_processes(values: Tensor) -> Tensor:
    """The Euclidean norm over the processes, of values of which each has as many, up to a factor
    that all norms share.
    """
    norm = torch.linalg.vector_norm(values)
    if count_processes() == 1:
        return norm
    return average_over_processes(norm.square()).clamp_min(1e-20).sqrt()


class LogMel(nn.Module):
    """`auscult.sound.mel.mel_spectrogram` for [batch, time] tensors, differentiable: [batch,
    n_mels, frames].
    """

    filters: Tensor
    window: Tensor

    def __init__(self, definition: MelDefinition) -> None:
        super().__init__()
        usual_definition = MelDefinition(power=1, log="ln", pad_mode="reflect")
        fixed_fields = (
            "power",
            "log",
            "pad_mode",
            "floor",
            "reference",
            "range_db",
            "multiply",
            "add",
        )
        if any(
            getattr(definition, name) != getattr(usual_definition, name) for name in fixed_fields
        ):
            raise ValueError("the trainer's mel is a natural-log magnitude with reflected ends")
        self.definition = definition
        self.register_buffer(
            "filters", torch.from_numpy(mel_filterbank(definition).copy()), persistent=False
        )
        self.register_buffer("window", torch.from_numpy(build_window(definition)), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        padded = functional.pad(
            samples[:, None], (count_padding(self.definition),) * 2, mode="reflect"
        )[:, 0]
        return self.of_padded(padded)

    def of_padded(self, padded: Tensor) -> Tensor:
        """The same for samples that already have the padding's length on both sides, such as their
        real neighbours.
        """
        d = self.definition
        return (
            (self.filters @ compute_magnitude(padded, d.n_fft, d.hop, self.window))
            .clamp_min(d.clip)
            .log()
        )


def compute_magnitude(samples: Tensor, n_fft: int, hop: int, window: Tensor) -> Tensor:
    """|STFT| of [batch, time] without padding: [batch, n_fft // 2 + 1, frames]; the floor keeps its
    gradient finite.
    """
    spectrum = torch.stft(samples, n_fft, hop, window=window, center=False, return_complex=True)
    return (spectrum.real.square() + spectrum.imag.square() + 1e-9).sqrt()


class StftLoss(nn.Module):
    """Spectral convergence plus log-magnitude L1, averaged over resolutions."""

    def __init__(self, resolutions: Sequence[tuple[int, int]] = RESOLUTIONS) -> None:
        super().__init__()
        self.resolutions = tuple(resolutions)
        for n_fft, _ in self.resolutions:
            self.register_buffer(f"window{n_fft}", torch.hann_window(n_fft), persistent=False)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        total = output.new_zeros(())
        for n_fft, hop in self.resolutions:
            window = getattr(self, f"window{n_fft}")
            x, y = (compute_magnitude(side, n_fft, hop, window) for side in (output, target))
            convergence = norm_over_processes(y - x) / norm_over_processes(y).clamp_min(1e-5)
            total = (
                total
                + convergence
                + functional.l1_loss(x.clamp_min(1e-4).log(), y.clamp_min(1e-4).log())
            )
        return total / len(self.resolutions)


class SpectrogramCritic(nn.Module):
    """Judges patches of one magnitude spectrogram; returns the judgement and the features on the
    way.
    """

    window: Tensor

    def __init__(self, n_fft: int, hop: int, channels: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        norm = nn.utils.parametrizations.weight_norm
        self.layers = nn.ModuleList(
            norm(nn.Conv2d(source, channels, (9, 3), stride=(4, 1), padding=(4, 1)))
            for source in (1, channels, channels)
        )
        self.last = norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, samples: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = (
            compute_magnitude(samples, self.n_fft, self.hop, self.window)[:, None]
            .clamp_min(1e-4)
            .log()
        )
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.last(x), features


def compute_critic_loss(critics: nn.ModuleList, output: Tensor, target: Tensor) -> Tensor:
    """Least squares: what is real to 1, what was made to 0; 0.5 is what a critic without a clue
    has.
    """
    total = output.new_zeros(())
    for critic in critics:
        real_score, made_score = critic(target)[0], critic(output.detach())[0]
        total = total + (real_score - 1).square().mean() + made_score.square().mean()
    return total / len(critics)


class SpectrogramCritics(nn.Module):
    """One spectrogram critic per resolution: short windows see the phase between harmonics, long
    ones the harmonics.
    """

    def __init__(
        self, channels: int, resolutions: Sequence[tuple[int, int]] = RESOLUTIONS[1:]
    ) -> None:
        super().__init__()
        self.critics = nn.ModuleList(
            SpectrogramCritic(n_fft, hop, channels) for n_fft, hop in resolutions
        )

    def critic_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Least squares: real speech to 1, the generator's to 0."""
        return compute_critic_loss(self.critics, output, target)

    def generator_loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """How far the critics are from calling the output real, and the L1 between the features of
        both.
        """
        adversarial, matching = output.new_zeros(()), output.new_zeros(())
        for critic in self.critics:
            with torch.no_grad():
                target_features = critic(target)[1]
            judged, features = critic(output)
            adversarial = adversarial + (judged - 1).square().mean()
            for a, b in zip(features, target_features, strict=True):
                matching = matching + functional.l1_loss(a, b) / average_over_processes(
                    b.abs().mean()
                ).clamp_min(1e-3)
        count = len(self.critics)
        return adversarial / count, matching / (count * len(features))
