"""BigVGAN in MLX, channel-last."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.families._anti_aliasing import (
    DEFAULT_TAPS,
    count_padding,
    make_filter,
    split_downsampling,
    split_upsampling,
)
from auscult.families._mlx import load_planned
from auscult.families.bigvgan.config import Config
from auscult.families.bigvgan.signature import plan
from auscult.families.records import Layout
from auscult.weights import Array

SNAKE_FLOOR = 1e-9


def same_conv(source: int, target: int, kernel: int, dilation: int = 1) -> nn.Module:
    """A convolution that keeps the number of frames (odd kernels)."""
    return nn.Conv1d(
        source, target, kernel, dilation=dilation, padding=(kernel - 1) * dilation // 2
    )


class Snake(nn.Module):
    """x + sin²(alpha·x) / beta on [batch, channels, time, phases]; without a beta of its own, beta is alpha."""

    def __init__(self, channels: int, config: Config) -> None:
        super().__init__()
        self.logscale = config.snake_logscale
        start = mx.zeros((channels,)) if self.logscale else mx.ones((channels,))
        self.alpha = start
        if config.activation == "snakebeta":
            self.beta = start

    def __call__(self, x: mx.array) -> mx.array:
        alpha, beta = self.alpha, self.get("beta", self.alpha)
        if self.logscale:
            alpha, beta = mx.exp(alpha), mx.exp(beta)
        sine = mx.sin(x * alpha[:, None, None])
        return x + sine * sine * (1.0 / (beta + SNAKE_FLOOR))[:, None, None]


class Filter(nn.Module):
    """A filter's taps [1, 1, taps], as the files have them."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        taps = mx.array(make_filter(config.filter_taps or DEFAULT_TAPS))[None, None]
        self._name = "filter" if config.filter_taps else "_filter"
        setattr(self, self._name, taps)

    def read_taps(self) -> Array:
        """The taps, [taps]."""
        return np.array(getattr(self, self._name), np.float32).reshape(-1)


class Lowpass(nn.Module):
    """Holds the filter of the way back under the name that the files have: `lowpass.filter`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.lowpass = Filter(config)


class AntiAliased(nn.Module):
    """A Snake at twice the rate, between two low-pass filters: [batch, time, channels] -> the same."""

    def __init__(self, channels: int, config: Config) -> None:
        super().__init__()
        self.act = Snake(channels, config)
        self.upsample = Filter(config)
        self.downsample = Lowpass(config)

    def __call__(self, x: mx.array) -> mx.array:
        batch, time, channels = x.shape
        up_taps, down_taps = self.upsample.read_taps(), self.downsample.lowpass.read_taps()
        side = count_padding(up_taps)
        rows = mx.pad(x.transpose(0, 2, 1), [(0, 0), (0, 0), (side, side)], mode="edge")
        up = mx.array(split_upsampling(up_taps))[:, :, None]
        phases = mx.conv1d(rows.reshape(batch * channels, -1, 1), up)
        phases = self.act(phases.reshape(batch, channels, time, 2)).reshape(-1, time, 2)
        side = count_padding(down_taps)
        ends = [
            mx.broadcast_to(end, (len(phases), side, 2))
            for end in (phases[:, :1, :1], phases[:, -1:, 1:])
        ]
        padded = mx.concatenate([ends[0], phases, ends[1]], axis=1)
        down = mx.array(np.ascontiguousarray(split_downsampling(down_taps).T))[None]
        return mx.conv1d(padded, down).reshape(batch, channels, time).transpose(0, 2, 1)


class AmpBlock(nn.Module):
    """Per dilation: activation, dilated convolution (block 1: activation, plain convolution), added to the input."""

    def __init__(self, channels: int, kernel: int, config: Config) -> None:
        super().__init__()
        self.is_paired = config.resblock == "1"
        dilated = [same_conv(channels, channels, kernel, dilation) for dilation in config.dilations]
        if self.is_paired:
            self.convs1 = dilated
            self.convs2 = [same_conv(channels, channels, kernel) for _ in config.dilations]
        else:
            self.convs = dilated
        count = len(config.dilations) * (2 if self.is_paired else 1)
        self.activations = [AntiAliased(channels, config) for _ in range(count)]

    def __call__(self, x: mx.array) -> mx.array:
        if not self.is_paired:
            for activate, conv in zip(self.activations, self.convs, strict=True):
                x = x + conv(activate(x))
            return x
        pairs = zip(self.convs1, self.convs2, strict=True)
        for index, (dilated, plain) in enumerate(pairs):
            y = dilated(self.activations[2 * index](x))
            x = x + plain(self.activations[2 * index + 1](y))
        return x


class Generator(nn.Module):
    """Called with x [batch, frames, mel_bins], gives [batch, frames * hop, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.conv_pre = same_conv(config.mel_bins, channels[0], config.pre_kernel_size)
        stages = zip(config.upsample_kernel_sizes, config.upsample_rates, strict=True)
        self.ups = [
            [
                nn.ConvTranspose1d(
                    channels[stage],
                    channels[stage + 1],
                    kernel,
                    stride=rate,
                    padding=(kernel - rate) // 2,
                )
            ]
            for stage, (kernel, rate) in enumerate(stages)
        ]
        self.resblocks = [
            AmpBlock(width, kernel, config)
            for width in channels[1:]
            for kernel in config.resblock_kernel_sizes
        ]
        self.activation_post = AntiAliased(channels[-1], config)
        kernel = config.post_kernel_size
        self.conv_post = nn.Conv1d(
            channels[-1], 1, kernel, padding=kernel // 2, bias=config.post_bias
        )

    def __call__(self, x: mx.array) -> mx.array:
        config, branches = self.config, len(self.config.resblock_kernel_sizes)
        x = self.conv_pre(x)
        for stage, ups in enumerate(self.ups):
            for up in ups:
                x = up(x)
            blocks = self.resblocks[stage * branches : (stage + 1) * branches]
            total = blocks[0](x)
            for block in blocks[1:]:
                total = total + block(x)
            x = total / branches
        x = self.conv_post(self.activation_post(x))
        if config.final_tanh:
            return mx.tanh(x)
        return mx.clip(x, -1.0, 1.0)


def build(config: Config) -> Generator:
    """A freshly initialised generator; weight norm is fused in MLX."""
    return Generator(config)


def load(
    module: Generator, state: Mapping[str, Array], prefix: str = "", layout: Layout = "torch"
) -> None:
    """See `auscult.families._mlx.load_planned`."""
    load_planned(module, plan(module.config), state, prefix, layout)
