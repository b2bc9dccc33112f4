"""The modified StreamSpeech generator in MLX, channel-last, with every choice that its weights leave open."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import mlx.core as mx
from mlx import nn

from auscult.families._mlx import load_planned
from auscult.families.records import Layout
from auscult.families.streamspeech_modified.config import Config
from auscult.families.streamspeech_modified.signature import plan
from auscult.families.streamspeech_modified.stages import Conditioned, run_stages
from auscult.weights import Array

EPS = 1e-5  # torch's default of instance norm


def instance_norm(x: mx.array) -> mx.array:
    """Zero mean and unit variance over time, per channel: [batch, time, channels]."""
    mean = x.mean(axis=1, keepdims=True)
    return (x - mean) * mx.rsqrt(x.var(axis=1, keepdims=True) + EPS)


class GrcBlock(nn.Module):
    """One branch of an MRF: two convolutions of the same kernel and dilation, and what stands between them."""

    def __init__(self, config: Config, channels: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        padding = (kernel_size - 1) * dilation // 2
        self.config = config
        self.conv1 = nn.Conv1d(channels, channels, kernel_size, dilation=dilation, padding=padding)
        self.conv2 = nn.Conv1d(channels, channels, kernel_size, dilation=dilation, padding=padding)

    def _after(self, x: mx.array, *, activate: bool) -> mx.array:
        config = self.config
        if activate and config.order == "conv-act-norm":
            x = nn.leaky_relu(x, config.slope)
        if config.norm == "instance":
            x = instance_norm(x)
        if activate and config.order == "conv-norm-act":
            x = nn.leaky_relu(x, config.slope)
        return x

    def __call__(self, x: mx.array) -> mx.array:
        y = self._after(self.conv1(x), activate=True)
        y = self._after(self.conv2(y), activate=self.config.second_activation)
        return x + y if self.config.residual else y


class Mrf(nn.Module):
    """Branches of different kernel sizes on the same input, summed or averaged."""

    def __init__(self, config: Config, channels: int) -> None:
        super().__init__()
        kernels = zip(config.mrf_kernel_sizes, config.dilations, strict=True)
        self.convs = [GrcBlock(config, channels, kernel, dilation) for kernel, dilation in kernels]
        self.scale = 1.0 if config.branches == "sum" else 1.0 / len(self.convs)

    def __call__(self, x: mx.array) -> mx.array:
        return mx.stack([block(x) for block in self.convs]).sum(axis=0) * self.scale


class ConditionedUp(nn.Module):
    """A transposed convolution that adds a projection of the speaker and of the emotion vector to every frame."""

    def __init__(  # noqa: PLR0917
        self,
        source: int,
        target: int,
        kernel_size: int,
        rate: int,
        speaker_dim: int,
        emotion_dim: int,
    ) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose1d(
            source, target, kernel_size, stride=rate, padding=(kernel_size - rate) // 2
        )
        self.speaker_proj = nn.Linear(speaker_dim, target)
        self.emotion_proj = nn.Linear(emotion_dim, target)

    def __call__(self, x: mx.array, speaker: mx.array, emotion: mx.array) -> mx.array:
        conditioning = self.speaker_proj(speaker) + self.emotion_proj(emotion)
        return self.conv(x) + conditioning[:, None, :]


class Frame(nn.Module):
    """Called with mel [batch, frames, mel_bins], gives [batch, frames * hop, 1]. A vector left out counts as zeros.

    Args:
        mrf: Makes the blocks for a number of channels.
    """

    def __init__(self, config: Conditioned, mrf: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.config = config
        channels, kernel = config.channels, config.initial_kernel_size
        self.initial_conv = nn.Conv1d(config.mel_bins, channels[0], kernel, padding=kernel // 2)
        self.ups = [
            ConditionedUp(
                channels[index],
                channels[index + 1],
                size,
                rate,
                config.speaker_dim,
                config.emotion_dim,
            )
            for index, (size, rate) in enumerate(
                zip(config.upsample_kernel_sizes, config.upsample_rates, strict=True)
            )
        ]
        self.mrfs = [mrf(width) for width in channels[: config.mrf_count]]
        self.final_conv = nn.Conv1d(
            channels[-1], 1, config.final_kernel_size, padding=config.final_kernel_size // 2
        )

    def __call__(
        self, mel: mx.array, speaker: mx.array | None = None, emotion: mx.array | None = None
    ) -> mx.array:
        speaker = mx.zeros((len(mel), self.config.speaker_dim)) if speaker is None else speaker
        emotion = mx.zeros((len(mel), self.config.emotion_dim)) if emotion is None else emotion
        return run_stages(self, mel, speaker, emotion, self.between)

    def between(self, x: mx.array) -> mx.array:
        """What stands before each upsampling and before the last convolution."""
        return x


class Generator(Frame):
    """The generator with whatever its weights leave open."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, lambda channels: Mrf(config, channels))
        self.config: Config = config

    def __call__(
        self, mel: mx.array, speaker: mx.array | None = None, emotion: mx.array | None = None
    ) -> mx.array:
        x = super().__call__(mel, speaker, emotion)
        return mx.tanh(x) if self.config.final_tanh else x

    def between(self, x: mx.array) -> mx.array:
        return nn.leaky_relu(x, 0.1) if self.config.between == "leaky" else x


def build(config: Config) -> Generator:
    """A freshly initialised generator."""
    return Generator(config)


def load(
    module: Generator, state: Mapping[str, Array], prefix: str = "", layout: Layout = "torch"
) -> None:
    """See `auscult.families._mlx.load_planned`."""
    load_planned(module, plan(module.config), state, prefix, layout)
