"""The HiFi-GAN generator in MLX, channel-last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import mlx.core as mx
from mlx import nn

from auscult.families._mlx import load_planned
from auscult.families.hifigan.config import Config
from auscult.families.hifigan.signature import plan
from auscult.families.records import Layout
from auscult.weights import Array

PaddingMode = Literal["zeros", "reflect"]


class ReflectedConv1d(nn.Conv1d):
    """A convolution of samples that are reflected at both ends, which MLX's own does not know."""

    def __call__(self, x: mx.array) -> mx.array:
        side = (self.weight.shape[1] - 1) * self.dilation // 2
        if side:
            x = mx.concatenate([x[:, side:0:-1], x, x[:, -2 : -side - 2 : -1]], axis=1)
        return super().__call__(x)


def same_conv(
    source: int,
    target: int,
    kernel: int,
    dilation: int = 1,
    padding_mode: PaddingMode = "zeros",
    *,
    bias: bool = True,
) -> nn.Module:
    """A convolution that keeps the number of frames (odd kernels)."""
    if padding_mode == "reflect":
        return ReflectedConv1d(source, target, kernel, dilation=dilation, bias=bias)
    padding = (kernel - 1) * dilation // 2
    return nn.Conv1d(source, target, kernel, dilation=dilation, padding=padding, bias=bias)


class ResBlock1(nn.Module):
    """Per dilation: leaky ReLU, dilated convolution, leaky ReLU, plain convolution, added to the input."""

    def __init__(
        self,
        channels: int,
        kernel: int,
        dilations: tuple[int, ...],
        slope: float,
        padding_mode: PaddingMode,
    ) -> None:
        super().__init__()
        self.slope = slope
        self.convs1 = [
            same_conv(channels, channels, kernel, dilation, padding_mode) for dilation in dilations
        ]
        self.convs2 = [same_conv(channels, channels, kernel, 1, padding_mode) for _ in dilations]

    def __call__(self, x: mx.array) -> mx.array:
        for first, second in zip(self.convs1, self.convs2, strict=True):
            y = first(nn.leaky_relu(x, self.slope))
            x = x + second(nn.leaky_relu(y, self.slope))
        return x


class ResBlock2(nn.Module):
    """Per dilation: leaky ReLU, dilated convolution, added to the input."""

    def __init__(
        self,
        channels: int,
        kernel: int,
        dilations: tuple[int, ...],
        slope: float,
        padding_mode: PaddingMode,
    ) -> None:
        super().__init__()
        self.slope = slope
        self.convs = [
            same_conv(channels, channels, kernel, dilation, padding_mode) for dilation in dilations
        ]

    def __call__(self, x: mx.array) -> mx.array:
        for conv in self.convs:
            x = x + conv(nn.leaky_relu(x, self.slope))
        return x


class Generator(nn.Module):
    """Called with x [batch, frames, mel_bins], gives [batch, frames * hop, out_channels]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        block = ResBlock1 if config.resblock == "1" else ResBlock2
        self.conv_pre = same_conv(
            config.mel_bins, channels[0], config.pre_kernel_size, 1, config.padding_mode
        )
        self.ups = [
            nn.ConvTranspose1d(
                channels[stage],
                channels[stage + 1],
                kernel,
                stride=rate,
                padding=config.upsample_padding(stage)[0],
                output_padding=config.upsample_padding(stage)[1],
            )
            for stage, (kernel, rate) in enumerate(
                zip(config.upsample_kernel_sizes, config.upsample_rates, strict=True)
            )
        ]
        branches = tuple(zip(config.resblock_kernel_sizes, config.dilations, strict=True))
        self.resblocks = [
            block(width, kernel, dilations, config.slope, config.padding_mode)
            for width in channels[1:]
            for kernel, dilations in branches
        ]
        self.conv_post = same_conv(
            channels[-1],
            config.out_channels,
            config.post_kernel_size,
            1,
            config.padding_mode,
            bias=config.post_bias,
        )

    def __call__(self, x: mx.array) -> mx.array:
        config, branches = self.config, len(self.config.resblock_kernel_sizes)
        x = self.conv_pre(x)
        for stage, up in enumerate(self.ups):
            x = up(nn.leaky_relu(x, config.slope))
            blocks = self.resblocks[stage * branches : (stage + 1) * branches]
            x = mx.stack([block(x) for block in blocks]).mean(axis=0)
        x = self.conv_post(nn.leaky_relu(x, config.final_slope))
        return mx.tanh(x) if config.final_tanh else x


def build(config: Config) -> Generator:
    """A freshly initialised generator; weight norm is fused in MLX."""
    return Generator(config)


def load(
    module: Generator, state: Mapping[str, Array], prefix: str = "", layout: Layout = "torch"
) -> None:
    """See `auscult.families._mlx.load_planned`."""
    load_planned(module, plan(module.config), state, prefix, layout)
