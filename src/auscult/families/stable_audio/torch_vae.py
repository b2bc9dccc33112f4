"""The Oobleck autoencoder of Stable Audio Open in PyTorch. Source: stable-audio-tools 0.0.19, models/autoencoders.py."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from auscult.families._torch import WEIGHT_NORM_FORMS, WeightNormForm
from auscult.families.stable_audio.config import LEAST_DEVIATION, SNAKE_FLOOR, Config
from auscult.families.stable_audio.spans import (
    DILATIONS,
    PART,
    WHOLE_BLOCKS,
    decoder_margin,
    encoder_margin,
    spans,
)


class Snake(nn.Module):
    """x + sin(x exp(alpha))^2 / exp(beta), both per channel; in place where no gradient is wanted."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        frequency, magnitude = (
            self.alpha.exp()[:, None],
            1 / (self.beta.exp()[:, None] + SNAKE_FLOOR),
        )
        if torch.is_grad_enabled():
            return x + (x * frequency).sin().square() * magnitude
        wave = x * frequency
        return wave.sin_().square_().mul_(magnitude).add_(x)


def _conv(
    source: int,
    target: int,
    kernel: int,
    form: WeightNormForm,
    *,
    dilation: int = 1,
    stride: int = 1,
    bias: bool = True,
) -> nn.Module:
    padding = (stride + 1) // 2 if stride > 1 else (kernel - 1) * dilation // 2
    layer = nn.Conv1d(
        source, target, kernel, stride=stride, padding=padding, dilation=dilation, bias=bias
    )
    return WEIGHT_NORM_FORMS[form](layer)


class Unit(nn.Module):
    """Snake, dilated convolution, snake, convolution of kernel 1; added to the input."""

    def __init__(self, width: int, dilation: int, form: WeightNormForm) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Snake(width),
            _conv(width, width, 7, form, dilation=dilation),
            Snake(width),
            _conv(width, width, 1, form),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + x


class EncoderBlock(nn.Module):
    """Three units, snake, strided convolution."""

    def __init__(self, source: int, target: int, stride: int, form: WeightNormForm) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(Unit(source, dilation, form) for dilation in DILATIONS),
            Snake(source),
            _conv(source, target, 2 * stride, form, stride=stride),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class DecoderBlock(nn.Module):
    """Snake, transposed convolution, three units."""

    def __init__(self, source: int, target: int, stride: int, form: WeightNormForm) -> None:
        super().__init__()
        up = nn.ConvTranspose1d(
            source, target, 2 * stride, stride=stride, padding=(stride + 1) // 2
        )
        self.layers = nn.Sequential(
            Snake(source),
            WEIGHT_NORM_FORMS[form](up),
            *(Unit(target, dilation, form) for dilation in DILATIONS),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Coder(nn.Module):
    """A sequence of layers under the name `layers`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Autoencoder(nn.Module):
    """Audio [batch, channels, samples] to latents [batch, latent, samples / hop] and back."""

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        self.config = config
        widths, strides = config.vae_widths, config.strides
        stages = list(zip(widths[:-1], widths[1:], strides, strict=True))
        self.encoder = Coder(
            _conv(config.vae_channels, widths[0], 7, form),
            *(EncoderBlock(inner, outer, stride, form) for inner, outer, stride in stages),
            Snake(widths[-1]),
            _conv(widths[-1], 2 * config.latent, 3, form),
        )
        self.decoder = Coder(
            _conv(config.latent, widths[-1], 7, form),
            *(
                DecoderBlock(outer, inner, stride, form)
                for inner, outer, stride in reversed(stages)
            ),
            Snake(widths[0]),
            _conv(widths[0], config.vae_channels, 7, form, bias=False),
            nn.Tanh() if config.final_tanh else nn.Identity(),
        )

    def statistics(self, audio: Tensor, part: int | None = PART) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the latents, each [batch, latent, frames]; in parts, as `decode` is."""
        layers: Any = self.encoder.layers
        strides = self.config.strides[:-WHOLE_BLOCKS]
        head, tail = layers[: 1 + len(strides)], layers[1 + len(strides) :]
        ratio = prod(strides)
        length = audio.shape[-1] // ratio
        if part is None or part >= length or not strides:
            x = head(audio)
        else:
            x = audio.new_empty(audio.shape[0], self.config.vae_widths[len(strides)], length)
            done = 0
            for start, stop, skip, keep in spans(length, part, encoder_margin(strides)):
                end = None if stop == length else stop * ratio
                x[..., done : done + keep] = head(audio[..., start * ratio : end])[
                    ..., skip : skip + keep
                ]
                done += keep
        mean, scale = tail(x).chunk(2, dim=1)
        return mean, nn.functional.softplus(scale) + LEAST_DEVIATION

    def encode(self, audio: Tensor, noise: Tensor | None = None, part: int | None = PART) -> Tensor:
        """Latents: the mean, or a draw from the distribution where standard normal noise of the latents' shape is given."""
        mean, deviation = self.statistics(audio, part)
        return mean if noise is None else mean + deviation * noise

    def decode(self, latents: Tensor, part: int | None = PART) -> Tensor:
        """Audio [batch, channels, frames * hop].

        The first blocks see the whole latent. What follows is long, so it runs in parts of `part` frames of that rate (None:
        at once), read with as much overlap as the remaining layers see: the result is the same, and the memory is bounded.
        """
        layers: Any = self.decoder.layers
        head, tail = layers[: 1 + WHOLE_BLOCKS], layers[1 + WHOLE_BLOCKS :]
        strides = tuple(reversed(self.config.strides))[WHOLE_BLOCKS:]
        x = head(latents)
        if part is None or part >= x.shape[-1] or not strides:
            return tail(x)
        ratio = prod(strides)
        audio = x.new_empty(x.shape[0], self.config.vae_channels, x.shape[-1] * ratio)
        done = 0
        for start, stop, skip, keep in spans(x.shape[-1], part, decoder_margin(strides)):
            audio[..., done : done + keep * ratio] = tail(x[..., start:stop])[
                ..., skip * ratio : (skip + keep) * ratio
            ]
            done += keep * ratio
        return audio
