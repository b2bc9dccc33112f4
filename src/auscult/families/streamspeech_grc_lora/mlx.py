"""The GRC-LoRA generator in MLX, channel-last."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx
from mlx import nn

from auscult.families._mlx import load_planned
from auscult.families.records import Layout
from auscult.families.streamspeech_grc_lora.config import Config
from auscult.families.streamspeech_grc_lora.signature import plan
from auscult.families.streamspeech_modified.mlx import Frame
from auscult.weights import Array


class Lora(nn.Module):
    """A low-rank map over channels: [batch, time, width] -> the same."""

    def __init__(self, width: int, rank: int, alpha: float) -> None:
        super().__init__()
        self.scale = alpha / rank
        self.lora_A = mx.random.normal((rank, width)) * 0.01
        self.lora_B = mx.zeros((width, rank))

    def __call__(self, x: mx.array) -> mx.array:
        return self.scale * (x @ self.lora_A.T @ self.lora_B.T)


class GrcLoraBlock(nn.Module):
    """Twice a grouped convolution, batch norm and a LoRA branch, then channel and temporal attention, added to the input."""

    def __init__(self, config: Config, width: int, dilation: int) -> None:
        super().__init__()
        kernel, groups = config.kernel_size, config.groups
        padding = (kernel - 1) * dilation // 2
        squeezed = max(width // config.reduction, 1)
        self.limit = config.clamp
        self.conv1 = nn.Conv1d(
            width, width, kernel, dilation=dilation, padding=padding, groups=groups
        )
        self.conv2 = nn.Conv1d(
            width, width, kernel, dilation=dilation, padding=padding, groups=groups
        )
        self.norm1 = nn.BatchNorm(width)
        self.norm2 = nn.BatchNorm(width)
        self.lora_conv1 = Lora(width, config.rank, config.lora_alpha)
        self.lora_conv2 = Lora(width, config.rank, config.lora_alpha)
        # torch numbers the pooling and the activations too
        self.channel_attention = [
            nn.Identity(),
            nn.Conv1d(width, squeezed, 1),
            nn.Identity(),
            nn.Conv1d(squeezed, width, 1),
        ]
        self.temporal_attention = [nn.Conv1d(width, 1, 1)]

    def __call__(self, x: mx.array) -> mx.array:
        y = nn.relu(self.norm1(self.conv1(x)))
        y = y + self.lora_conv1(y)
        y = self.norm2(self.conv2(y))
        y = y + self.lora_conv2(y)
        attention = nn.relu(self.channel_attention[1](y.mean(axis=1, keepdims=True)))
        y = y * mx.sigmoid(self.channel_attention[3](attention))
        y = x + y * mx.sigmoid(self.temporal_attention[0](y))
        return mx.clip(y, -self.limit, self.limit) if self.limit else y


class Mrf(nn.Module):
    """The sum of blocks that differ in dilation."""

    def __init__(self, config: Config, width: int) -> None:
        super().__init__()
        self.convs = [GrcLoraBlock(config, width, dilation) for dilation in config.dilations]

    def __call__(self, x: mx.array) -> mx.array:
        return mx.stack([block(x) for block in self.convs]).sum(axis=0)


class Generator(Frame):
    """Called with mel [batch, frames, mel_bins], gives [batch, frames * hop, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, lambda width: Mrf(config, width))
        self.config: Config = config


def build(config: Config) -> Generator:
    """A freshly initialised generator."""
    return Generator(config)


def load(
    module: Generator, state: Mapping[str, Array], prefix: str = "", layout: Layout = "torch"
) -> None:
    """See `auscult.families._mlx.load_planned`."""
    load_planned(module, plan(module.config), state, prefix, layout)
