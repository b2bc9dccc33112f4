"""BigVGAN in PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families._anti_aliasing import (
    DEFAULT_TAPS,
    count_padding,
    make_filter,
    split_downsampling,
    split_upsampling,
)
from auscult.families._torch import WEIGHT_NORM_FORMS, WeightNormForm, draw_normal_weights, load
from auscult.families.bigvgan.config import Config

__all__ = ["Generator", "build", "load"]

DEVIATION = 0.01  # of the initial weights, as NVIDIA/BigVGAN draws them
SNAKE_FLOOR = 1e-9  # keeps the division finite


def same_conv(
    source: int, target: int, kernel: int, dilation: int, form: WeightNormForm
) -> nn.Module:
    """A convolution that keeps the number of frames (odd kernels)."""
    layer = nn.Conv1d(
        source, target, kernel, dilation=dilation, padding=(kernel - 1) * dilation // 2
    )
    draw_normal_weights(layer, DEVIATION)
    return WEIGHT_NORM_FORMS[form](layer)


class Snake(nn.Module):
    """x + sin²(alpha·x) / beta on [batch, channels, phases, time]; without a beta of its own, beta is alpha."""

    def __init__(self, channels: int, config: Config) -> None:
        super().__init__()
        self.logscale = config.snake_logscale
        start = torch.zeros(channels) if self.logscale else torch.ones(channels)
        self.alpha = nn.Parameter(start)
        self.beta = nn.Parameter(start.clone()) if config.activation == "snakebeta" else None

    def forward(self, x: Tensor) -> Tensor:
        alpha: Tensor = self.alpha
        beta: Tensor = alpha if self.beta is None else self.beta
        if self.logscale:
            alpha, beta = alpha.exp(), beta.exp()
        sine = torch.sin(x * alpha[:, None, None])
        return torch.addcmul(x, sine, sine * (1.0 / (beta + SNAKE_FLOOR))[:, None, None])


class Filter(nn.Module):
    """A filter's taps [1, 1, taps], as the files have them; not in the state where the file has none."""

    filter: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        taps = torch.from_numpy(make_filter(config.filter_taps or DEFAULT_TAPS))
        self.register_buffer("filter", taps[None, None], persistent=config.filter_taps > 0)

    def read_taps(self) -> Tensor:
        """The taps on the CPU, [taps]."""
        return self.filter.detach().reshape(-1).float().cpu()


class Lowpass(nn.Module):
    """Holds the filter of the way back under the name that the files have: `lowpass.filter`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.lowpass = Filter(config)


class AntiAliased(nn.Module):
    """A Snake at twice the rate, between two low-pass filters: [batch, channels, time] -> the same."""

    def __init__(self, channels: int, config: Config) -> None:
        super().__init__()
        self.act = Snake(channels, config)
        self.upsample = Filter(config)
        self.downsample = Lowpass(config)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, time = x.shape
        up_taps = self.upsample.read_taps().numpy()
        down_taps = self.downsample.lowpass.read_taps().numpy()
        up, down = split_upsampling(up_taps), split_downsampling(down_taps)
        side = count_padding(up_taps)
        rows = functional.pad(x, (side, side), mode="replicate").reshape(batch * channels, 1, -1)
        phases = functional.conv1d(rows, torch.from_numpy(up).to(x)[:, None])
        phases = self.act(phases.reshape(batch, channels, 2, time)).reshape(-1, 2, time)
        side = count_padding(down_taps)
        first, last = phases[:, :1, :1], phases[:, 1:, -1:]
        padded = torch.cat((first.expand(-1, 2, side), phases, last.expand(-1, 2, side)), dim=2)
        return functional.conv1d(padded, torch.from_numpy(down).to(x)[None]).reshape(
            batch, channels, time
        )


class AmpBlock(nn.Module):
    """Per dilation: activation, dilated convolution (block 1: activation, plain convolution), added to the input."""

    def __init__(self, channels: int, kernel: int, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        self.is_paired = config.resblock == "1"
        dilated = nn.ModuleList(
            same_conv(channels, channels, kernel, dilation, form) for dilation in config.dilations
        )
        if self.is_paired:
            self.convs1 = dilated
            self.convs2 = nn.ModuleList(
                same_conv(channels, channels, kernel, 1, form) for _ in config.dilations
            )
        else:
            self.convs = dilated
        count = len(config.dilations) * (2 if self.is_paired else 1)
        self.activations = nn.ModuleList(AntiAliased(channels, config) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
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
    """`forward(x [batch, mel_bins, frames])` gives [batch, 1, frames * hop]."""

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.conv_pre = same_conv(config.mel_bins, channels[0], config.pre_kernel_size, 1, form)
        self.ups = nn.ModuleList()
        for stage, (kernel, rate) in enumerate(
            zip(config.upsample_kernel_sizes, config.upsample_rates, strict=True)
        ):
            up = nn.ConvTranspose1d(
                channels[stage],
                channels[stage + 1],
                kernel,
                stride=rate,
                padding=(kernel - rate) // 2,
            )
            draw_normal_weights(up, DEVIATION)
            self.ups.append(nn.ModuleList([WEIGHT_NORM_FORMS[form](up)]))
        self.resblocks = nn.ModuleList(
            AmpBlock(width, kernel, config, form)
            for width in channels[1:]
            for kernel in config.resblock_kernel_sizes
        )
        self.activation_post = AntiAliased(channels[-1], config)
        kernel = config.post_kernel_size
        post = nn.Conv1d(channels[-1], 1, kernel, padding=kernel // 2, bias=config.post_bias)
        draw_normal_weights(post, DEVIATION)
        self.conv_post = WEIGHT_NORM_FORMS[form](post)

    def forward(self, x: Tensor) -> Tensor:
        config, branches = self.config, len(self.config.resblock_kernel_sizes)
        x = self.conv_pre(x)
        for stage, ups in enumerate(self.ups):
            for up in ups.children():
                x = up(x)
            blocks = self.resblocks[stage * branches : (stage + 1) * branches]
            total = blocks[0](x)
            for block in blocks[1:]:
                total = total + block(x)
            x = total / branches
        x = self.conv_post(self.activation_post(x))
        if config.final_tanh:
            return torch.tanh(x)
        return x.clamp(-1.0, 1.0)


def build(config: Config, form: WeightNormForm = "fused") -> Generator:
    """A freshly initialised generator, with weight norm in the given form. `load` fills it from any form."""
    return Generator(config, form)
