"""Parts of vocoders: snakes, noise, upsampling, odd strides; hand-made torch ports."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.real_ports.block_building import BlockFault, build_block_pairs, copy_into
from benchmarks.real_ports.weights import draw_normal

WIDTH = 12


class Snake(nn.Module):
    def __init__(self, width: int, fault: str = "") -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, width, 1))
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        alpha: torch.Tensor = self.alpha
        if "along time" in self.fault and x.shape[2] == alpha.shape[1]:
            alpha = alpha.transpose(1, 2)
        if "logarithm" in self.fault:
            alpha = alpha.exp()
        return x + (alpha * x).sin().square() / (alpha + 1e-9)


class NoiseBlock(nn.Module):
    """One noise for all channels, with a gain for each sample."""

    def __init__(self, width: int, fault: str = "") -> None:
        super().__init__()
        self.linear = nn.Conv1d(width, width, 1, bias=False)
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, width, time = x.shape
        shape = (batch, width, 1) if "for each channel" in self.fault else (batch, 1, time)
        return x + torch.randn(shape) * self.linear(x)


class Stage(nn.Module):
    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.snake1 = Snake(WIDTH, fault)
        self.up = nn.ConvTranspose1d(WIDTH, WIDTH, 6, 3, 2, output_padding=1, groups=1)
        self.noise = NoiseBlock(WIDTH, fault)
        self.conv = nn.Conv1d(WIDTH, WIDTH, 7, padding=9, dilation=3)
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.noise(self.upsample(self.snake1(x)))
        return x + self.conv(x)

    def upsample(self, x: torch.Tensor) -> torch.Tensor:
        return self.up(x)


class HandStage(Stage):
    """The transposed convolution in full, and cut by hand."""

    def upsample(self, x: torch.Tensor) -> torch.Tensor:
        full = functional.conv_transpose1d(x, self.up.weight, self.up.bias, 3)
        length = 3 * x.shape[-1]
        first = 2
        if "a sample late" in self.fault:
            first = 1
        end = first + length
        if "no output padding" in self.fault:
            end -= 1
        return functional.pad(full, (0, 1))[..., first:end]


class Net(nn.Module):
    def __init__(self, stages: list[nn.Module]) -> None:
        super().__init__()
        self.pre = nn.Conv1d(5, WIDTH, 3, padding=1)
        self.stages = nn.ModuleList(stages)
        self.post = nn.Conv1d(WIDTH, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pre(x)
        for stage in self.stages:
            x = stage(x)
        return self.post(x).tanh()


def port_net(reference: Any, fault: str) -> Any:
    return copy_into(Net([HandStage(fault), HandStage(fault)]), reference)


class Length(nn.Module):
    """Durations first; the decoder draws noise on frames whose number they give."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.prior = nn.Linear(8, 8)
        self.frames = nn.Linear(8, 8)
        self.decode = nn.Linear(8, 4)
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.prior(x + 0.1 * torch.randn(x.shape))
        rate = 3 if "rate" in self.fault else 2
        y = self.frames(x.repeat_interleave(rate, 1))
        return self.decode(y + 0.3 * torch.randn(y.shape))


class Upsampler(nn.Module):
    """`functional.interpolate` three times: nearest, linear, and both axes of a picture."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(6, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        self.conv3 = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        self.conv4 = nn.Conv2d(1, 2, 3, padding=1)
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x)
        x = self.conv2(self.repeat(x))
        corners = "corners" in self.fault
        x = functional.interpolate(x, scale_factor=2.5, mode="linear", align_corners=corners)
        x = self.conv3(x.relu())[:, None]
        soft = "antialiasing" in self.fault
        return self.conv4(functional.interpolate(x, (9, 40), mode="bilinear", antialias=soft))

    def repeat(self, x: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(x, scale_factor=2)


class HandUpsampler(Upsampler):
    def repeat(self, x: torch.Tensor) -> torch.Tensor:
        if "tiled" in self.fault:
            return x.repeat(1, 1, 2)
        y = x[..., None].expand(*x.shape, 2).flatten(2)
        if "frame late" in self.fault:
            y = functional.pad(y, (1, 0))[..., :-1]
        return y


STAGE = r"stages\.\d"
PAIRS = [
    *build_block_pairs(
        "Vocoder's stages: torch's transposed convolution against one cut by hand",
        lambda: Net([Stage(), Stage()]),
        port_net,
        lambda: [draw_normal(1, 5, WIDTH)],
        [
            BlockFault("snake's alpha along time", (r"stages\.0\.snake1",), ("snake-convention",)),
            BlockFault(
                "snake's alpha as a logarithm", (rf"{STAGE}\.snake1",), ("snake-convention",)
            ),
            BlockFault(
                "upsampling a sample late",
                (rf"{STAGE}(\.up|\.noise)?",),
                ("stride-padding", "upsample-mode"),
            ),
            BlockFault("no output padding", (rf"{STAGE}(\.up|\.noise)?",), ("stride-padding",)),
            BlockFault("a noise for each channel", (rf"{STAGE}\.noise",), ("noise-axis",)),
        ],
    ),
    *build_block_pairs(
        "Noise on frames: torch against itself",
        Length,
        lambda reference, fault: copy_into(Length(fault), reference),
        lambda: [draw_normal(1, 9, 8)],
        [BlockFault("another speaking rate", (r"frames",), ("upsample-mode",))],
    ),
    *build_block_pairs(
        "Upsampling: functional.interpolate against repeats",
        Upsampler,
        lambda reference, fault: copy_into(HandUpsampler(fault), reference),
        lambda: [draw_normal(1, 6, 16)],
        [
            BlockFault("frames tiled", (r"conv2",), ("upsample-mode",)),
            BlockFault("a frame late", (r"conv2",), ("upsample-mode", "stride-padding")),
            BlockFault("aligned corners", (r"conv3",), ("upsample-mode",)),
            BlockFault("antialiasing", (r"conv4",), ("upsample-mode",)),
        ],
    ),
]
