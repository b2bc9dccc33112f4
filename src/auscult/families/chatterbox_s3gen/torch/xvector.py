"""CAMPPlus in PyTorch: a recording's features to the 192 numbers of its speaker.

Source: Wang et al. 2023 (CAM++), as 3D-Speaker and chatterbox-tts 0.1.7 have it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families.chatterbox_s3gen.config import Speaker

SEGMENT = 100
"""Frames over which the context of a dense layer is averaged."""


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norm, added to the input: [batch, channels, bins, time]; `stride` halves the bins."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        plain = (
            (nn.Conv2d(width, width, 1, stride=(stride, 1), bias=False), nn.BatchNorm2d(width))
            if stride > 1
            else ()
        )
        self.shortcut = nn.Sequential(*plain)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + self.shortcut(x))


class Head(nn.Module):
    """Features as a picture, its height divided by eight: [batch, bins, time] to [batch, width * bins / 8, time]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1, self.layer2 = (
            nn.Sequential(Residual(width, 2), Residual(width, 1)) for _ in range(2)
        )
        self.conv2 = nn.Conv2d(width, width, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, features: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(features[:, None])))
        x = functional.relu(self.bn2(self.conv2(self.layer2(self.layer1(x)))))
        return x.flatten(1, 2)


class Normed(nn.Module):
    """A batch norm under the name `batchnorm`, then ReLU unless it is the last: [batch, channels, time]."""

    def __init__(self, width: int, *, last: bool = False) -> None:
        super().__init__()
        self.batchnorm = nn.BatchNorm1d(width, affine=not last)
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        x = self.batchnorm(x)
        return x if self.last else functional.relu(x)


class Tdnn(nn.Module):
    """A convolution of every second frame, then norm and ReLU."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(source, target, 5, stride=2, padding=2, bias=False)
        self.nonlinear = Normed(target)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.nonlinear(self.linear(x))
        return y


class ContextMask(nn.Module):
    """A convolution weighted by what surrounds it: the mean of all frames and of the frame's segment."""

    def __init__(self, source: int, target: int, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(
            source, target, 3, dilation=dilation, padding=dilation, bias=False
        )
        self.linear1 = nn.Conv1d(source, source // 2, 1)
        self.linear2 = nn.Conv1d(source // 2, target, 1)

    def forward(self, x: Tensor) -> Tensor:
        time = x.shape[-1]
        segments = functional.avg_pool1d(x, SEGMENT, SEGMENT, ceil_mode=True).repeat_interleave(
            SEGMENT, dim=-1
        )
        context = x.mean(-1, keepdim=True) + segments[..., :time]
        y: Tensor = self.linear_local(x) * torch.sigmoid(
            self.linear2(functional.relu(self.linear1(context)))
        )
        return y


class Dense(nn.Module):
    """Norm, narrow, norm, context mask: [batch, source, time] to [batch, growth, time]."""

    def __init__(self, source: int, config: Speaker, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = Normed(source)
        self.linear1 = nn.Conv1d(source, config.bottleneck, 1, bias=False)
        self.nonlinear2 = Normed(config.bottleneck)
        self.cam_layer = ContextMask(config.bottleneck, config.growth, dilation)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x))))
        return y


class Transit(nn.Module):
    """Norm, ReLU and half of the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.nonlinear = Normed(width)
        self.linear = nn.Conv1d(width, width // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(self.nonlinear(x))
        return y


class Embedding(nn.Module):
    """The last layer: [batch, statistics] to [batch, embedding], normed without scale and shift."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(source, target, 1, bias=False)
        self.nonlinear = Normed(target, last=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.nonlinear(self.linear(x[..., None]))
        return y[..., 0]


class SpeakerEncoder(nn.Module):
    """`forward(features [batch, frames, mel_bins])` gives the x-vector [batch, embedding]."""

    def __init__(self, config: Speaker) -> None:
        super().__init__()
        self.config = config
        self.head = Head(config.head)
        self.xvector = nn.ModuleDict(
            {"tdnn": Tdnn(config.head * config.mel_bins // 8, config.initial)}
        )
        width = config.initial
        for block, (layers, dilation) in enumerate(
            zip(config.blocks, config.dilations, strict=True), 1
        ):
            dense = {
                f"tdnnd{i + 1}": Dense(width + i * config.growth, config, dilation)
                for i in range(layers)
            }
            width += layers * config.growth
            self.xvector.update(
                {f"block{block}": nn.ModuleDict(dense), f"transit{block}": Transit(width)}
            )
            width //= 2
        self.xvector["out_nonlinear"] = Normed(width)
        self.xvector["dense"] = Embedding(2 * width, config.embedding)

    def forward(self, features: Tensor) -> Tensor:
        x = self.xvector["tdnn"](self.head(features.transpose(1, 2)))
        for block in range(1, len(self.config.blocks) + 1):
            for layer in self.xvector[f"block{block}"].values():  # type: ignore[operator]
                x = torch.cat((x, layer(x)), dim=1)
            x = self.xvector[f"transit{block}"](x)
        x = self.xvector["out_nonlinear"](x)
        statistics = torch.cat((x.mean(-1), x.std(-1, unbiased=True)), dim=-1)
        embedding: Tensor = self.xvector["dense"](statistics)
        return embedding
