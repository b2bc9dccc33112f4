"""The Oobleck autoencoder of Stable Audio Open in MLX, channel-last. Source: as `torch_vae`."""

from __future__ import annotations

from math import prod

import mlx.core as mx
from mlx import nn

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
    """x + sin(x exp(alpha))^2 / exp(beta), both per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = mx.zeros((width,))
        self.beta = mx.zeros((width,))

    def __call__(self, x: mx.array) -> mx.array:
        return x + mx.square(mx.sin(x * mx.exp(self.alpha))) / (mx.exp(self.beta) + SNAKE_FLOOR)


def _conv(
    source: int, target: int, kernel: int, *, dilation: int = 1, stride: int = 1, bias: bool = True
) -> nn.Module:
    padding = (stride + 1) // 2 if stride > 1 else (kernel - 1) * dilation // 2
    return nn.Conv1d(
        source, target, kernel, stride=stride, padding=padding, dilation=dilation, bias=bias
    )


class Coder(nn.Module):
    """A sequence of layers under the name `layers`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = list(layers)

    def __call__(self, x: mx.array) -> mx.array:
        return run(self.layers, x)


def run(layers: list[nn.Module], x: mx.array) -> mx.array:
    """One layer after the other."""
    for layer in layers:
        x = layer(x)
    return x


class Unit(Coder):
    """Snake, dilated convolution, snake, convolution of kernel 1; added to the input."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__(
            Snake(width),
            _conv(width, width, 7, dilation=dilation),
            Snake(width),
            _conv(width, width, 1),
        )

    def __call__(self, x: mx.array) -> mx.array:
        return run(self.layers, x) + x


def _encoder_block(source: int, target: int, stride: int) -> Coder:
    units = (Unit(source, dilation) for dilation in DILATIONS)
    return Coder(*units, Snake(source), _conv(source, target, 2 * stride, stride=stride))


def _decoder_block(source: int, target: int, stride: int) -> Coder:
    up = nn.ConvTranspose1d(source, target, 2 * stride, stride=stride, padding=(stride + 1) // 2)
    return Coder(Snake(source), up, *(Unit(target, dilation) for dilation in DILATIONS))


class Autoencoder(nn.Module):
    """Audio [batch, samples, channels] to latents [batch, samples / hop, latent] and back."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths, strides = config.vae_widths, config.strides
        stages = list(zip(widths[:-1], widths[1:], strides, strict=True))
        self.encoder = Coder(
            _conv(config.vae_channels, widths[0], 7),
            *(_encoder_block(inner, outer, stride) for inner, outer, stride in stages),
            Snake(widths[-1]),
            _conv(widths[-1], 2 * config.latent, 3),
        )
        self.decoder = Coder(
            _conv(config.latent, widths[-1], 7),
            *(_decoder_block(outer, inner, stride) for inner, outer, stride in reversed(stages)),
            Snake(widths[0]),
            _conv(widths[0], config.vae_channels, 7, bias=False),
            nn.Tanh() if config.final_tanh else nn.Identity(),
        )

    def statistics(self, audio: mx.array, part: int | None = PART) -> tuple[mx.array, mx.array]:
        """Mean and standard deviation of the latents, each [batch, frames, latent]; in parts, as `decode` is."""
        strides = self.config.strides[:-WHOLE_BLOCKS]
        head, tail = (
            self.encoder.layers[: 1 + len(strides)],
            self.encoder.layers[1 + len(strides) :],
        )
        ratio = prod(strides)
        length = audio.shape[1] // ratio
        if part is None or part >= length or not strides:
            x = run(head, audio)
        else:
            parts = []
            for start, stop, skip, keep in spans(length, part, encoder_margin(strides)):
                end = audio.shape[1] if stop == length else stop * ratio
                parts.append(run(head, audio[:, start * ratio : end])[:, skip : skip + keep])
                mx.eval(parts[-1])
            x = mx.concatenate(parts, axis=1)
        mean, scale = mx.split(run(tail, x), 2, axis=-1)
        return mean, nn.softplus(scale) + LEAST_DEVIATION

    def encode(
        self, audio: mx.array, noise: mx.array | None = None, part: int | None = PART
    ) -> mx.array:
        """Latents: the mean, or a draw from the distribution where standard normal noise of the latents' shape is given."""
        mean, deviation = self.statistics(audio, part)
        return mean if noise is None else mean + deviation * noise

    def decode(self, latents: mx.array, part: int | None = PART) -> mx.array:
        """Audio [batch, frames * hop, channels]; see the PyTorch module's `decode`."""
        layers = self.decoder.layers
        x = run(layers[: 1 + WHOLE_BLOCKS], latents)
        tail = layers[1 + WHOLE_BLOCKS :]
        strides = tuple(reversed(self.config.strides))[WHOLE_BLOCKS:]
        if part is None or part >= x.shape[1] or not strides:
            return run(tail, x)
        ratio, parts = prod(strides), []
        for start, stop, skip, keep in spans(x.shape[1], part, decoder_margin(strides)):
            parts.append(run(tail, x[:, start:stop])[:, skip * ratio : (skip + keep) * ratio])
            mx.eval(parts[-1])
        return mx.concatenate(parts, axis=1)
