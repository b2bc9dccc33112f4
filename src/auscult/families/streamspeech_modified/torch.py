"""The modified StreamSpeech generator in PyTorch, with every choice that its weights leave open."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families._torch import load
from auscult.families.streamspeech_modified.config import Config
from auscult.families.streamspeech_modified.stages import Conditioned, run_stages

__all__ = ["ConditionedUp", "Generator", "build", "load"]


@torch.no_grad()
def _start(layer: nn.Conv1d | nn.ConvTranspose1d | nn.Linear, deviation: float) -> None:
    """Normal weights of that standard deviation and a zero bias."""
    layer.weight.normal_(0.0, deviation)
    if layer.bias is not None:
        layer.bias.zero_()


class GrcBlock(nn.Module):
    """One branch of an MRF: two convolutions of the same kernel and dilation, and what stands between them."""

    def __init__(self, config: Config, channels: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        padding = (kernel_size - 1) * dilation // 2
        self.config = config
        self.conv1 = nn.Conv1d(channels, channels, kernel_size, dilation=dilation, padding=padding)
        self.conv2 = nn.Conv1d(channels, channels, kernel_size, dilation=dilation, padding=padding)
        for conv in (self.conv1, self.conv2):
            _start(conv, 0.5 * sqrt(2.0 / (channels * kernel_size)))

    def _after(self, x: Tensor, *, activate: bool) -> Tensor:
        config = self.config
        if activate and config.order == "conv-act-norm":
            x = functional.leaky_relu(x, config.slope)
        if config.norm == "instance":
            x = functional.instance_norm(x)
        if activate and config.order == "conv-norm-act":
            x = functional.leaky_relu(x, config.slope)
        return x

    def forward(self, x: Tensor) -> Tensor:
        y = self._after(self.conv1(x), activate=True)
        y = self._after(self.conv2(y), activate=self.config.second_activation)
        return x + y if self.config.residual else y


class Mrf(nn.Module):
    """Branches of different kernel sizes on the same input, summed or averaged."""

    def __init__(self, config: Config, channels: int) -> None:
        super().__init__()
        kernels = zip(config.mrf_kernel_sizes, config.dilations, strict=True)
        self.convs = nn.ModuleList(
            GrcBlock(config, channels, kernel, dilation) for kernel, dilation in kernels
        )
        self.scale = 1.0 if config.branches == "sum" else 1.0 / len(self.convs)

    def forward(self, x: Tensor) -> Tensor:
        total = self.convs[0](x)
        for block in self.convs[1:]:
            total = total + block(x)
        return total * self.scale


class ConditionedUp(nn.Module):
    """A transposed convolution that adds a projection of the speaker and of the emotion vector to every frame."""

    def __init__(
        self,
        source: int,
        target: int,
        kernel_size: int,
        rate: int,
        config: Conditioned,
        *,
        gain: float,
    ) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose1d(
            source, target, kernel_size, stride=rate, padding=(kernel_size - rate) // 2
        )
        self.speaker_proj = nn.Linear(config.speaker_dim, target)
        self.emotion_proj = nn.Linear(config.emotion_dim, target)
        _start(self.conv, gain / sqrt(source * kernel_size / rate))
        _start(self.speaker_proj, 0.1 / sqrt(config.speaker_dim))
        _start(self.emotion_proj, 0.1 / sqrt(config.emotion_dim))

    def forward(self, x: Tensor, speaker: Tensor, emotion: Tensor) -> Tensor:
        conditioning = self.speaker_proj(speaker) + self.emotion_proj(emotion)
        return self.conv(x) + conditioning[:, :, None]


class Generator(nn.Module):
    """Log-mel frames to samples.

    `forward(mel [batch, mel_bins, frames], speaker [batch, speaker_dim], emotion [batch, emotion_dim])` gives
    [batch, 1, frames * hop]. A vector that is left out counts as zeros (the projection's bias still adds).

    It starts with unit variance through the stack and an output near silence, so that training from scratch works: a
    sum of residual branches multiplies the signal by their number, so the upsampling that follows divides by it; the
    input is taken for log-mel of rms 6.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        first, last = config.channels[0], config.channels[-1]
        self.initial_conv = nn.Conv1d(
            config.mel_bins,
            first,
            config.initial_kernel_size,
            padding=config.initial_kernel_size // 2,
        )
        grown = len(config.mrf_kernel_sizes) if config.branches == "sum" and config.residual else 1
        self.ups = nn.ModuleList()
        for index, (kernel, rate) in enumerate(
            zip(config.upsample_kernel_sizes, config.upsample_rates, strict=True)
        ):
            source, target = config.channels[index : index + 2]
            gain = 1.0 / grown if index < config.mrf_count else 1.0
            self.ups.append(ConditionedUp(source, target, kernel, rate, config, gain=gain))
        self.mrfs = nn.ModuleList(
            Mrf(config, channels) for channels in config.channels[: config.mrf_count]
        )
        self.final_conv = nn.Conv1d(
            last, 1, config.final_kernel_size, padding=config.final_kernel_size // 2
        )
        _start(self.initial_conv, 1.0 / (6.0 * sqrt(config.mel_bins * config.initial_kernel_size)))
        _start(self.final_conv, 0.05 / sqrt(last * config.final_kernel_size))

    def forward(
        self, mel: Tensor, speaker: Tensor | None = None, emotion: Tensor | None = None
    ) -> Tensor:
        config = self.config
        speaker = mel.new_zeros(len(mel), config.speaker_dim) if speaker is None else speaker
        emotion = mel.new_zeros(len(mel), config.emotion_dim) if emotion is None else emotion
        x = run_stages(self, mel, speaker, emotion, self._between)
        return torch.tanh(x) if config.final_tanh else x

    def _between(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(x, 0.1) if self.config.between == "leaky" else x


def build(config: Config) -> Generator:
    """A freshly initialised generator."""
    return Generator(config)
