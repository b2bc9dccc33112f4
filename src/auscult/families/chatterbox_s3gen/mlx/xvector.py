"""CAMPPlus in MLX: a recording's features to the 192 numbers of its speaker. Pictures are [batch, bins, time, channels]."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from mlx import nn

from auscult.families.chatterbox_s3gen.config import Speaker

SEGMENT = 100
"""Frames over which the context of a dense layer is averaged."""


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norm, added to the input; `stride` halves the bins."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm(width)
        plain = [nn.Conv2d(width, width, 1, stride=(stride, 1), bias=False), nn.BatchNorm(width)]
        self.shortcut = plain if stride > 1 else []

    def __call__(self, x: mx.array) -> mx.array:
        y = self.bn2(self.conv2(nn.relu(self.bn1(self.conv1(x)))))
        for layer in self.shortcut:
            x = layer(x)
        return nn.relu(y + x)


class Head(nn.Module):
    """Features as a picture, its height divided by eight: [batch, bins, time] to [batch, time, width * bins / 8]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm(width)
        self.layer1, self.layer2 = ([Residual(width, 2), Residual(width, 1)] for _ in range(2))
        self.conv2 = nn.Conv2d(width, width, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm(width)

    def __call__(self, features: mx.array) -> mx.array:
        x = nn.relu(self.bn1(self.conv1(features[..., None])))
        for layer in (*self.layer1, *self.layer2):
            x = layer(x)
        x = nn.relu(self.bn2(self.conv2(x)))
        batch, bins, time, width = x.shape
        return x.transpose(0, 2, 3, 1).reshape(
            batch, time, width * bins
        )  # channels of one bin are not neighbours


class Normed(nn.Module):
    """A batch norm under the name `batchnorm`, then ReLU unless it is the last: [batch, time, channels]."""

    def __init__(self, width: int, *, last: bool = False) -> None:
        super().__init__()
        self.batchnorm = nn.BatchNorm(width, affine=not last)
        self.last = last

    def __call__(self, x: mx.array) -> mx.array:
        x = self.batchnorm(x)
        return x if self.last else nn.relu(x)


class Tdnn(nn.Module):
    """A convolution of every second frame, then norm and ReLU."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(source, target, 5, stride=2, padding=2, bias=False)
        self.nonlinear = Normed(target)

    def __call__(self, x: mx.array) -> mx.array:
        return self.nonlinear(self.linear(x))


class ContextMask(nn.Module):
    """A convolution weighted by what surrounds it: the mean of all frames and of the frame's segment."""

    def __init__(self, source: int, target: int, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(
            source, target, 3, dilation=dilation, padding=dilation, bias=False
        )
        self.linear1 = nn.Conv1d(source, source // 2, 1)
        self.linear2 = nn.Conv1d(source // 2, target, 1)

    def __call__(self, x: mx.array) -> mx.array:
        context = x.mean(axis=1, keepdims=True) + by_segment(x)
        return self.linear_local(x) * mx.sigmoid(self.linear2(nn.relu(self.linear1(context))))


def by_segment(x: mx.array) -> mx.array:
    """Every frame of [batch, time, channels] replaced by the mean of its segment; the last segment may be shorter."""
    batch, time, channels = x.shape
    count = -(-time // SEGMENT)
    padded = mx.pad(x, [(0, 0), (0, count * SEGMENT - time), (0, 0)]).reshape(
        batch, count, SEGMENT, channels
    )
    sizes = mx.minimum(SEGMENT, time - SEGMENT * mx.arange(count))[None, :, None]
    return mx.repeat(padded.sum(axis=2) / sizes, SEGMENT, axis=1)[:, :time]


class Dense(nn.Module):
    """Norm, narrow, norm, context mask: [batch, time, source] to [batch, time, growth]."""

    def __init__(self, source: int, config: Speaker, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = Normed(source)
        self.linear1 = nn.Conv1d(source, config.bottleneck, 1, bias=False)
        self.nonlinear2 = Normed(config.bottleneck)
        self.cam_layer = ContextMask(config.bottleneck, config.growth, dilation)

    def __call__(self, x: mx.array) -> mx.array:
        return self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x))))


class Transit(nn.Module):
    """Norm, ReLU and half of the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.nonlinear = Normed(width)
        self.linear = nn.Conv1d(width, width // 2, 1, bias=False)

    def __call__(self, x: mx.array) -> mx.array:
        return self.linear(self.nonlinear(x))


class Embedding(nn.Module):
    """The last layer: [batch, statistics] to [batch, embedding], normed without scale and shift."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(source, target, 1, bias=False)
        self.nonlinear = Normed(target, last=True)

    def __call__(self, x: mx.array) -> mx.array:
        return self.nonlinear(self.linear(x[:, None]))[:, 0]


class SpeakerEncoder(nn.Module):
    """Called with features [batch, frames, mel_bins], gives the x-vector [batch, embedding]."""

    def __init__(self, config: Speaker) -> None:
        super().__init__()
        self.config = config
        self.head = Head(config.head)
        self.xvector: dict[str, Any] = {
            "tdnn": Tdnn(config.head * config.mel_bins // 8, config.initial)
        }
        width = config.initial
        for block, (layers, dilation) in enumerate(
            zip(config.blocks, config.dilations, strict=True), 1
        ):
            self.xvector[f"block{block}"] = {
                f"tdnnd{i + 1}": Dense(width + i * config.growth, config, dilation)
                for i in range(layers)
            }
            width += layers * config.growth
            self.xvector[f"transit{block}"] = Transit(width)
            width //= 2
        self.xvector["out_nonlinear"] = Normed(width)
        self.xvector["dense"] = Embedding(2 * width, config.embedding)

    def __call__(self, features: mx.array) -> mx.array:
        layers: dict[str, Any] = self.xvector
        x = layers["tdnn"](self.head(features.transpose(0, 2, 1)))
        for block in range(1, len(self.config.blocks) + 1):
            for layer in layers[f"block{block}"].values():
                x = mx.concatenate([x, layer(x)], axis=2)
            x = layers[f"transit{block}"](x)
        x = layers["out_nonlinear"](x)
        statistics = mx.concatenate([x.mean(axis=1), mx.sqrt(x.var(axis=1, ddof=1))], axis=-1)
        return layers["dense"](statistics)
