"""The GRC-LoRA generator in PyTorch: the wrong model of the demo, whose tensors only look like the checkpoint's."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families._torch import load
from auscult.families.streamspeech_grc_lora.config import Config
from auscult.families.streamspeech_modified.stages import run_stages
from auscult.families.streamspeech_modified.torch import ConditionedUp

__all__ = ["Generator", "build", "load"]


class Lora(nn.Module):
    """A low-rank map over channels: [batch, width, time] -> the same.

    The original multiplied the factors in an order whose shapes do not fit; this is B @ A on the channel axis.
    """

    def __init__(self, width: int, rank: int, alpha: float) -> None:
        super().__init__()
        self.scale = alpha / rank
        self.lora_A = nn.Parameter(torch.randn(rank, width) * 0.01)
        self.lora_B = nn.Parameter(torch.zeros(width, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * torch.einsum("wr,rv,bvt->bwt", self.lora_B, self.lora_A, x)


class GrcLoraBlock(nn.Module):
    """Twice a grouped convolution, batch norm and a LoRA branch, then channel and temporal attention, added to the input.

    The original padded by (kernel - 1) // 2 at every dilation, so that branches of different dilation could not be summed;
    this pads by what keeps the length.
    """

    def __init__(self, config: Config, width: int, dilation: int) -> None:
        super().__init__()
        padding = (config.kernel_size - 1) * dilation // 2
        squeezed = max(width // config.reduction, 1)
        self.limit = config.clamp
        self.conv1 = nn.Conv1d(
            width,
            width,
            config.kernel_size,
            dilation=dilation,
            padding=padding,
            groups=config.groups,
        )
        self.conv2 = nn.Conv1d(
            width,
            width,
            config.kernel_size,
            dilation=dilation,
            padding=padding,
            groups=config.groups,
        )
        self.norm1 = nn.BatchNorm1d(width)
        self.norm2 = nn.BatchNorm1d(width)
        self.lora_conv1 = Lora(width, config.rank, config.lora_alpha)
        self.lora_conv2 = Lora(width, config.rank, config.lora_alpha)
        self.channel_attention = nn.Sequential(
            nn.AdaptiveAvgPool1d(1),
            nn.Conv1d(width, squeezed, 1),
            nn.ReLU(),
            nn.Conv1d(squeezed, width, 1),
            nn.Sigmoid(),
        )
        self.temporal_attention = nn.Sequential(nn.Conv1d(width, 1, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.norm1(self.conv1(x)))
        y = y + self.lora_conv1(y)
        y = self.norm2(self.conv2(y))
        y = y + self.lora_conv2(y)
        y = y * self.channel_attention(y)
        y = x + y * self.temporal_attention(y)
        return y.clamp(-self.limit, self.limit) if self.limit else y


class Mrf(nn.Module):
    """The sum of blocks that differ in dilation."""

    def __init__(self, config: Config, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            GrcLoraBlock(config, width, dilation) for dilation in config.dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([block(x) for block in self.convs]).sum(0)


class Generator(nn.Module):
    """`forward(mel [batch, mel_bins, frames], speaker, emotion)` gives [batch, 1, frames * hop]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        kernel = config.initial_kernel_size
        self.initial_conv = nn.Conv1d(config.mel_bins, channels[0], kernel, padding=kernel // 2)
        self.ups = nn.ModuleList()
        for stage, (size, rate) in enumerate(
            zip(config.upsample_kernel_sizes, config.upsample_rates, strict=True)
        ):
            self.ups.append(
                ConditionedUp(channels[stage], channels[stage + 1], size, rate, config, gain=1.0)
            )
        self.mrfs = nn.ModuleList(Mrf(config, width) for width in channels[: config.mrf_count])
        self.final_conv = nn.Conv1d(
            channels[-1], 1, config.final_kernel_size, padding=config.final_kernel_size // 2
        )

    def forward(
        self, mel: Tensor, speaker: Tensor | None = None, emotion: Tensor | None = None
    ) -> Tensor:
        config = self.config
        speaker = mel.new_zeros(len(mel), config.speaker_dim) if speaker is None else speaker
        emotion = mel.new_zeros(len(mel), config.emotion_dim) if emotion is None else emotion
        return run_stages(self, mel, speaker, emotion)


def build(config: Config) -> Generator:
    """A freshly initialised generator."""
    return Generator(config)
