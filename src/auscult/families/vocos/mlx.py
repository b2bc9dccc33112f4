"""Vocos in MLX, channel-last."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.facts.windows import make_periodic_hann
from auscult.families._mlx import load_planned
from auscult.families.records import Layout
from auscult.families.vocos.config import BOOK_SIZE, UNUSED_PREFIXES, Config
from auscult.families.vocos.signature import plan
from auscult.weights import Array

EPS = 1e-6
MAX_MAGNITUDE = 100.0


class AdaptiveNorm(nn.Module):
    """A layer norm whose scale and shift are the row of the bandwidth: [batch, time, width] -> the same."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.scale = nn.Embedding(config.bandwidths, config.width)
        self.shift = nn.Embedding(config.bandwidths, config.width)

    def __call__(self, x: mx.array, bandwidth: mx.array) -> mx.array:
        x = mx.fast.layer_norm(x, None, None, EPS)
        return x * self.scale(bandwidth)[:, None] + self.shift(bandwidth)[:, None]


def make_norm(config: Config) -> nn.Module:
    """The norm that follows a convolution: adaptive where the model has bandwidths."""
    if config.bandwidths:
        return AdaptiveNorm(config)
    return nn.LayerNorm(config.width, eps=EPS)


def apply_norm(norm: nn.Module, x: mx.array, bandwidth: mx.array | None) -> mx.array:
    """The norm, with the bandwidth where it wants one."""
    if bandwidth is not None:
        return norm(x, bandwidth)
    return norm(x)


class ConvNext(nn.Module):
    """Depthwise convolution, norm, two linear layers with GELU between, scaled and added: [batch, time, width]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, kernel = config.width, config.kernel_size
        self.dwconv = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = make_norm(config)
        self.pwconv1 = nn.Linear(width, config.hidden)
        self.pwconv2 = nn.Linear(config.hidden, width)
        if config.layer_scale:
            self.gamma = mx.full((width,), 1.0 / config.layers)

    def __call__(self, x: mx.array, bandwidth: mx.array | None) -> mx.array:
        y = apply_norm(self.norm, self.dwconv(x), bandwidth)
        y = self.pwconv2(nn.gelu(self.pwconv1(y)))
        if "gamma" in self:
            y = self.gamma * y
        return x + y


class Backbone(nn.Module):
    """Features [batch, frames, inputs] to [batch, frames, width]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        kernel = config.kernel_size
        self.embed = nn.Conv1d(config.inputs, config.width, kernel, padding=kernel // 2)
        self.norm = make_norm(config)
        self.convnext = [ConvNext(config) for _ in range(config.layers)]
        self.final_layer_norm = nn.LayerNorm(config.width, eps=EPS)

    def __call__(self, x: mx.array, bandwidth: mx.array | None) -> mx.array:
        x = apply_norm(self.norm, self.embed(x), bandwidth)
        for block in self.convnext:
            x = block(x, bandwidth)
        return self.final_layer_norm(x)


class Head(nn.Module):
    """Log magnitude and phase, and the inverse STFT: [batch, frames, width] to [batch, samples]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config = config
        self.out = nn.Linear(config.width, config.n_fft + 2)

    def __call__(self, x: mx.array) -> mx.array:
        log_magnitude, phase = mx.split(self.out(x), 2, axis=-1)
        magnitude = mx.minimum(mx.exp(log_magnitude), MAX_MAGNITUDE)
        return overlap_frames(magnitude * (mx.cos(phase) + 1j * mx.sin(phase)), self._config)


def overlap_frames(spectrum: mx.array, config: Config) -> mx.array:
    """The inverse STFT of [batch, frames, bins], cut at both ends as `padding` says: [batch, samples]."""
    n_fft, hop, count = config.n_fft, config.hop_length, spectrum.shape[1]
    window = make_periodic_hann(n_fft).astype(np.float32)
    frames = mx.fft.irfft(spectrum, n_fft, axis=-1) * mx.array(window)
    length = (count - 1) * hop + n_fft
    places = (np.arange(count)[:, None] * hop + np.arange(n_fft)[None]).reshape(-1)
    envelope = np.zeros(length, np.float32)
    np.add.at(envelope, places, np.tile(window**2, count))
    index = mx.array(places)
    total = mx.zeros((len(frames), length)).at[:, index].add(frames.reshape(len(frames), -1))
    cut = n_fft // 2 if config.padding == "center" else (n_fft - hop) // 2
    return total[:, cut : length - cut] / mx.array(envelope[cut : length - cut])


class FeatureExtractor(nn.Module):
    """The rows of all EnCodec codebooks, one after the other."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.codebook_weights = mx.zeros((config.codebook_rows, config.inputs))

    def __call__(self, codes: mx.array) -> mx.array:
        """Codes [batch, books, frames] to the sum of their rows, [batch, frames, inputs]."""
        rows = codes + BOOK_SIZE * mx.arange(codes.shape[1])[None, :, None]
        return self.codebook_weights[rows].sum(axis=1)


class Generator(nn.Module):
    """Called with x and the bandwidth's row [batch], gives [batch, samples, 1].

    x is mel or features [batch, frames, inputs], or EnCodec codes [batch, books, frames] of an integer type where the
    model has the codebooks. For `bandwidth` see the PyTorch module.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        if config.codebook_rows:
            self.feature_extractor = FeatureExtractor(config)
        self.backbone = Backbone(config)
        self.head = Head(config)

    def __call__(self, x: mx.array, bandwidth: mx.array | None = None) -> mx.array:
        config, is_codes = self.config, not mx.issubdtype(x.dtype, mx.floating)
        if config.bandwidths and bandwidth is None:
            row = config.choose_bandwidth(x.shape[1] if is_codes else None)
            bandwidth = mx.full((len(x),), row, dtype=mx.int32)
        if is_codes:
            x = self.feature_extractor(x)
        if not config.bandwidths:
            bandwidth = None
        if bandwidth is not None:
            bandwidth = bandwidth.astype(mx.int32).reshape(-1)
        return self.head(self.backbone(x, bandwidth))[..., None]


def build(config: Config) -> Generator:
    """A freshly initialised model."""
    return Generator(config)


def load(
    module: Generator, state: Mapping[str, Array], prefix: str = "", layout: Layout = "torch"
) -> None:
    """See `auscult.families._mlx.load_planned`; what the mel front end keeps, and the window, is left out."""
    wanted = {
        name: planned
        for name, planned in plan(module.config).items()
        if not name.startswith(UNUSED_PREFIXES)
    }
    unused = tuple(prefix + unused_prefix for unused_prefix in UNUSED_PREFIXES)
    kept = {name: array for name, array in state.items() if not name.startswith(unused)}
    load_planned(module, wanted, kept, prefix, layout)
