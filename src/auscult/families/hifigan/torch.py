"""The HiFi-GAN generator in PyTorch."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families._torch import WEIGHT_NORM_FORMS, WeightNormForm, draw_normal_weights, load
from auscult.families.hifigan.config import Config

__all__ = ["Generator", "build", "load"]

PaddingMode = Literal["zeros", "reflect"]
DEVIATION = 0.01  # of the initial weights, as jik876/hifi-gan draws them


def same_conv(
    source: int,
    target: int,
    kernel: int,
    dilation: int,
    form: WeightNormForm,
    *,
    padding_mode: PaddingMode = "zeros",
) -> nn.Module:
    """A convolution that keeps the number of frames (odd kernels)."""
    layer = nn.Conv1d(
        source,
        target,
        kernel,
        dilation=dilation,
        padding=(kernel - 1) * dilation // 2,
        padding_mode=padding_mode,
    )
    draw_normal_weights(layer, DEVIATION)
    return WEIGHT_NORM_FORMS[form](layer)


class ResBlock1(nn.Module):
    """Per dilation: leaky ReLU, dilated convolution, leaky ReLU, plain convolution, added to the input."""

    def __init__(
        self,
        channels: int,
        kernel: int,
        dilations: tuple[int, ...],
        slope: float,
        form: WeightNormForm,
        *,
        padding_mode: PaddingMode,
    ) -> None:
        super().__init__()
        self.slope = slope
        self.convs1 = nn.ModuleList(
            same_conv(channels, channels, kernel, dilation, form, padding_mode=padding_mode)
            for dilation in dilations
        )
        self.convs2 = nn.ModuleList(
            same_conv(channels, channels, kernel, 1, form, padding_mode=padding_mode)
            for _ in dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        for first, second in zip(self.convs1, self.convs2, strict=True):
            y = first(functional.leaky_relu(x, self.slope))
            x = x + second(functional.leaky_relu(y, self.slope))
        return x


class ResBlock2(nn.Module):
    """Per dilation: leaky ReLU, dilated convolution, added to the input."""

    def __init__(
        self,
        channels: int,
        kernel: int,
        dilations: tuple[int, ...],
        slope: float,
        form: WeightNormForm,
        *,
        padding_mode: PaddingMode,
    ) -> None:
        super().__init__()
        self.slope = slope
        self.convs = nn.ModuleList(
            same_conv(channels, channels, kernel, dilation, form, padding_mode=padding_mode)
            for dilation in dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = x + conv(functional.leaky_relu(x, self.slope))
        return x


class Generator(nn.Module):
    """`forward(x [batch, mel_bins, frames])` gives [batch, out_channels, frames * hop]."""

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        block = ResBlock1 if config.resblock == "1" else ResBlock2
        self.conv_pre = WEIGHT_NORM_FORMS[form](
            nn.Conv1d(
                config.mel_bins,
                channels[0],
                config.pre_kernel_size,
                padding=config.pre_kernel_size // 2,
                padding_mode=config.padding_mode,
            )
        )
        self.ups = nn.ModuleList()
        for stage, (kernel, rate) in enumerate(
            zip(config.upsample_kernel_sizes, config.upsample_rates, strict=True)
        ):
            padding, output_padding = config.upsample_padding(stage)
            up = nn.ConvTranspose1d(
                channels[stage],
                channels[stage + 1],
                kernel,
                stride=rate,
                padding=padding,
                output_padding=output_padding,
            )
            draw_normal_weights(up, DEVIATION)
            self.ups.append(WEIGHT_NORM_FORMS[form](up))
        branches = tuple(zip(config.resblock_kernel_sizes, config.dilations, strict=True))
        self.resblocks = nn.ModuleList(
            block(width, kernel, dilations, config.slope, form, padding_mode=config.padding_mode)
            for width in channels[1:]
            for kernel, dilations in branches
        )
        padding = config.post_kernel_size // 2
        post = nn.Conv1d(
            channels[-1],
            config.out_channels,
            config.post_kernel_size,
            padding=padding,
            padding_mode=config.padding_mode,
            bias=config.post_bias,
        )
        draw_normal_weights(post, DEVIATION)
        self.conv_post = WEIGHT_NORM_FORMS[form](post)

    def forward(self, x: Tensor) -> Tensor:
        config, branches = self.config, len(self.config.resblock_kernel_sizes)
        x = self.conv_pre(x)
        for stage, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, config.slope))
            blocks = self.resblocks[stage * branches : (stage + 1) * branches]
            x = torch.stack([block(x) for block in blocks]).mean(0)
        x = self.conv_post(functional.leaky_relu(x, config.final_slope))
        return torch.tanh(x) if config.final_tanh else x


def build(config: Config, form: WeightNormForm = "fused") -> Generator:
    """A freshly initialised generator, with weight norm in the given form. `load` fills it from any form."""
    return Generator(config, form)
