"""auscult's codec in MLX, channel-last: [batch, time, 1] in and out, codes [batch, books, frames] as in PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.families._mlx import load_planned
from auscult.families.codec.config import Config
from auscult.families.codec.signature import FIRST_KERNEL, LAST_KERNEL, plan
from auscult.families.records import Layout
from auscult.weights import Array


class Snake(nn.Module):
    """x + sin²(alpha x) / alpha per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = mx.ones((channels,))

    def __call__(self, x: mx.array) -> mx.array:
        return x + mx.square(mx.sin(self.alpha * x)) / (self.alpha + 1e-9)


class Conv(nn.Conv1d):
    """A convolution that gives one frame per stride, padded with zeros on both sides or, if causal, on the left."""

    def __init__(
        self,
        source: int,
        target: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        causal: bool = False,
    ) -> None:
        super().__init__(source, target, kernel, stride=stride, dilation=dilation)
        extra = (kernel - 1) * dilation + 1 - stride
        left = extra if causal else extra // 2
        self._sides = (left, extra - left)

    def __call__(self, x: mx.array) -> mx.array:
        return super().__call__(mx.pad(x, [(0, 0), self._sides, (0, 0)]))


class UpConv(nn.ConvTranspose1d):
    """A transposed convolution of kernel 2 * stride that gives exactly `stride` samples per frame."""

    def __init__(self, source: int, target: int, stride: int, *, causal: bool = False) -> None:
        super().__init__(source, target, 2 * stride, stride=stride)
        self._rate, self._left = stride, 0 if causal else stride // 2

    def __call__(self, x: mx.array) -> mx.array:
        length = x.shape[1] * self._rate
        return super().__call__(x)[:, self._left : self._left + length]


class Elu(nn.Module):
    """No tensors."""

    def __call__(self, x: mx.array) -> mx.array:
        return nn.elu(x)


def _activation(config: Config, width: int) -> nn.Module:
    return Snake(width) if config.activation == "snake" else Elu()


class Unit(nn.Module):
    """Activation, dilated convolution, activation, 1x1 convolution, added to the input."""

    def __init__(self, config: Config, width: int, dilation: int) -> None:
        super().__init__()
        self.act1, self.act2 = _activation(config, width), _activation(config, width)
        self.conv1 = Conv(width, width, config.kernel, dilation=dilation, causal=config.causal)
        self.conv2 = Conv(width, width, 1)

    def __call__(self, x: mx.array) -> mx.array:
        return x + self.conv2(self.act2(self.conv1(self.act1(x))))


def _units(config: Config, width: int, count: int, dilations: tuple[int, ...]) -> list[Unit]:
    return [Unit(config, width, dilations[i % len(dilations)]) for i in range(count)]


class Down(nn.Module):
    """Residual units, activation, strided convolution."""

    def __init__(self, config: Config, stage: int) -> None:
        super().__init__()
        source, target, stride = (
            config.widths[stage],
            config.widths[stage + 1],
            config.strides[stage],
        )
        plain = source == 1
        self.units = _units(config, source, 0 if plain else config.units, config.dilations)
        if not plain:
            self.act = _activation(config, source)
        self.conv = Conv(source, target, 2 * stride, stride=stride, causal=config.causal)

    def __call__(self, x: mx.array) -> mx.array:
        for unit in self.units:
            x = unit(x)
        return self.conv(self.act(x) if "act" in self else x)


class Up(nn.Module):
    """Activation, transposed convolution, residual units."""

    def __init__(self, config: Config, stage: int) -> None:
        super().__init__()
        source, target, stride = (
            config.widths[stage + 1],
            config.widths[stage],
            config.strides[stage],
        )
        self.act = _activation(config, source)
        self.conv = UpConv(source, target, stride, causal=config.causal)
        self.units = _units(config, target, 0 if target == 1 else config.units, config.dilations)

    def __call__(self, x: mx.array) -> mx.array:
        x = self.conv(self.act(x))
        for unit in self.units:
            x = unit(x)
        return x


class Encoder(nn.Module):
    """[batch, frames * hop, 1] to [batch, frames, latent]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths, causal = config.widths, config.causal
        if widths[0] != 1:
            self.first = Conv(1, widths[0], FIRST_KERNEL, causal=causal)
        self.stages = [Down(config, stage) for stage in range(len(config.strides))]
        self.core = _units(config, widths[-1], config.core, config.core_dilations)
        self.act = _activation(config, widths[-1])
        self.last = Conv(widths[-1], config.latent, LAST_KERNEL, causal=causal)

    def __call__(self, x: mx.array) -> mx.array:
        x = self.first(x) if "first" in self else x
        for stage in self.stages:
            x = stage(x)
        for unit in self.core:
            x = unit(x)
        return self.last(self.act(x))


class Decoder(nn.Module):
    """[batch, frames, latent] to [batch, frames * hop, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths, causal = config.widths, config.causal
        self._end = config.end
        self.first = Conv(config.latent, widths[-1], FIRST_KERNEL, causal=causal)
        self.core = _units(config, widths[-1], config.core, config.core_dilations)
        self.stages = [Up(config, stage) for stage in reversed(range(len(config.strides)))]
        if widths[0] != 1:
            self.act = _activation(config, widths[0])
            self.last = Conv(widths[0], 1, FIRST_KERNEL, causal=causal)

    def __call__(self, x: mx.array) -> mx.array:
        x = self.first(x)
        for unit in self.core:
            x = unit(x)
        for stage in self.stages:
            x = stage(x)
        if "last" in self:
            x = self.last(self.act(x))
        if self._end == "tanh":
            return mx.tanh(x)
        return mx.clip(x, -1, 1) if self._end == "clamp" else x


class Book(nn.Module):
    """One codebook, with projections around it where the codes are narrower than the latent."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.codes = mx.zeros((config.book_size, config.code_dim or config.latent))
        if config.code_dim:
            self.narrow = Conv(config.latent, config.code_dim, 1)
            self.wide = Conv(config.code_dim, config.latent, 1)

    def nearest(self, latent: mx.array) -> mx.array:
        """Index of the nearest code of [batch, frames, latent]: [batch, frames]."""
        seen = self.narrow(latent) if "narrow" in self else latent
        return mx.argmax(seen @ self.codes.T - 0.5 * mx.square(self.codes).sum(1), axis=-1).astype(
            mx.int32
        )

    def lookup(self, codes: mx.array) -> mx.array:
        """Latent values of codes [batch, frames]: [batch, frames, latent]. -1 stands for zeros."""
        values = self.codes[mx.maximum(codes, 0)]
        return (self.wide(values) if "wide" in self else values) * (codes >= 0)[..., None]


class ResidualQuantizer(nn.Module):
    """Each book codes what the books before it have left over."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._average, self._group = config.average, config.group
        if config.average:
            self.level = mx.zeros((1,))
        self.books = [Book(config) for _ in range(config.books)]

    def __call__(self, latent: mx.array, *, fit: bool = False) -> mx.array:
        """Codes [batch, books, frames] of [batch, frames, latent]; -1 where a book is not used."""
        chosen: list[mx.array] = []
        energies = []
        total = mx.zeros_like(latent)
        for book in self.books:
            energies.append(self._energy(latent - total))
            chosen.append(book.nearest(latent - total))
            total = total + book.lookup(chosen[-1])
        codes = mx.stack(chosen, axis=1)
        if not self._average:
            return codes
        above = np.minimum.accumulate(np.asarray(mx.stack(energies, axis=1)), axis=1)
        level = fit_level(above, self._average) if fit else float(self.level[0])
        used = np.repeat(above > level, self._group, axis=2)[:, :, : codes.shape[2]]
        return mx.where(mx.array(used), codes, -1)

    def _energy(self, residual: mx.array) -> mx.array:
        """Mean square of each group, [batch, groups]."""
        energy = mx.pad(
            mx.square(residual).mean(axis=2), [(0, 0), (0, -residual.shape[1] % self._group)]
        )
        return energy.reshape(energy.shape[0], -1, self._group).mean(axis=2)

    def lookup(self, codes: mx.array) -> mx.array:
        """Values of codes [batch, books, frames], of which there may be fewer books: [batch, frames, latent]."""
        return sum(
            (book.lookup(codes[:, i]) for i, book in enumerate(self.books[: codes.shape[1]])),
            mx.array(0.0),
        )


def fit_level(energies: Array, average: float) -> float:
    """The lowest level at which groups with these energies before each book, [batch, books, groups], use at most `average`."""
    count = int(average * energies[:, 0].size)
    return float(np.sort(energies, axis=None)[::-1][min(count, energies.size - 1)])


class Codec(nn.Module):
    """Called with audio [batch, time, 1], gives it after the codec, as long as it was."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantizer = ResidualQuantizer(config)
        self.decoder = Decoder(config)

    def __call__(self, audio: mx.array) -> mx.array:
        return self.decode(self.encode(audio))[:, : audio.shape[1]]

    def encode(self, audio: mx.array, *, fit: bool = False) -> mx.array:
        """Codes [batch, books, frames]; `fit` as in PyTorch."""
        config = self.config
        missing = config.delay + -(audio.shape[1] + config.delay) % config.step
        return self.quantizer(self.encoder(mx.pad(audio, [(0, 0), (0, missing), (0, 0)])), fit=fit)

    def decode(self, codes: mx.array) -> mx.array:
        """Audio [batch, frames * hop - delay, 1]."""
        return self.decoder(self.quantizer.lookup(codes))[:, self.config.delay :]


def build(config: Config) -> Codec:
    """A freshly initialised codec; weight norm is fused in MLX."""
    return Codec(config)


def load(
    module: Codec, state: Mapping[str, Array], prefix: str = "", layout: Layout = "torch"
) -> None:
    """See `auscult.families._mlx.load_planned`."""
    load_planned(module, plan(module.config), state, prefix, layout)
