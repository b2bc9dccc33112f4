"""Vocos in PyTorch: a ConvNeXt backbone and an inverse-STFT head, for mel or for EnCodec's codes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families._torch import load as load_tensors
from auscult.families.vocos.config import BOOK_SIZE, UNUSED_PREFIXES, Config

EPS = 1e-6  # of every layer norm
MAX_MAGNITUDE = 100.0


class AdaptiveNorm(nn.Module):
    """A layer norm whose scale and shift are the row of the bandwidth: [batch, time, width] -> the same."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.scale = nn.Embedding(config.bandwidths, config.width)
        self.shift = nn.Embedding(config.bandwidths, config.width)

    def forward(self, x: Tensor, bandwidth: Tensor) -> Tensor:
        x = functional.layer_norm(x, x.shape[-1:], eps=EPS)
        return x * self.scale(bandwidth)[:, None] + self.shift(bandwidth)[:, None]


def make_norm(config: Config) -> nn.Module:
    """The norm that follows a convolution: adaptive where the model has bandwidths."""
    if config.bandwidths:
        return AdaptiveNorm(config)
    return nn.LayerNorm(config.width, eps=EPS)


def apply_norm(norm: nn.Module, x: Tensor, bandwidth: Tensor | None) -> Tensor:
    """The norm, with the bandwidth where it wants one."""
    if isinstance(norm, AdaptiveNorm):
        adapted: Tensor = norm(x, bandwidth)
        return adapted
    plain: Tensor = norm(x)
    return plain


class ConvNext(nn.Module):
    """Depthwise convolution, norm, two linear layers with GELU between, scaled and added: [batch, width, time]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, kernel = config.width, config.kernel_size
        self.dwconv = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = make_norm(config)
        self.pwconv1 = nn.Linear(width, config.hidden)
        self.pwconv2 = nn.Linear(config.hidden, width)
        if config.layer_scale:
            self.gamma = nn.Parameter(torch.full((width,), 1.0 / config.layers))
        else:
            self.register_parameter("gamma", None)

    def forward(self, x: Tensor, bandwidth: Tensor | None) -> Tensor:
        y = apply_norm(self.norm, self.dwconv(x).transpose(1, 2), bandwidth)
        y = self.pwconv2(functional.gelu(self.pwconv1(y)))
        if self.gamma is not None:
            y = self.gamma * y
        return x + y.transpose(1, 2)


class Backbone(nn.Module):
    """Features [batch, inputs, frames] to [batch, frames, width]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        kernel = config.kernel_size
        self.embed = nn.Conv1d(config.inputs, config.width, kernel, padding=kernel // 2)
        self.norm = make_norm(config)
        self.convnext = nn.ModuleList(ConvNext(config) for _ in range(config.layers))
        self.final_layer_norm = nn.LayerNorm(config.width, eps=EPS)

    def forward(self, x: Tensor, bandwidth: Tensor | None) -> Tensor:
        x = apply_norm(self.norm, self.embed(x).transpose(1, 2), bandwidth).transpose(1, 2)
        for block in self.convnext:
            x = block(x, bandwidth)
        return self.final_layer_norm(x.transpose(1, 2))


class Head(nn.Module):
    """Log magnitude and phase, and the inverse STFT: [batch, frames, width] to [batch, samples]."""

    window: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.out = nn.Linear(config.width, config.n_fft + 2)
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        magnitude, phase = self.out(x).transpose(1, 2).chunk(2, dim=1)
        spectrum = torch.polar(magnitude.exp().clamp(max=MAX_MAGNITUDE), phase)
        return overlap_frames(spectrum, self.window, self.config)


def overlap_frames(spectrum: Tensor, window: Tensor, config: Config) -> Tensor:
    """The inverse STFT of [batch, bins, frames], cut at both ends as `padding` says: [batch, samples]."""
    n_fft, hop, count = config.n_fft, config.hop_length, spectrum.shape[2]
    frames = torch.fft.irfft(spectrum, n_fft, dim=1) * window[:, None]
    length = (count - 1) * hop + n_fft
    squares = window.square()[None, :, None].expand(1, -1, count)
    total, envelope = (
        functional.fold(block, (1, length), (1, n_fft), stride=(1, hop))[:, 0, 0]
        for block in (frames, squares)
    )
    cut = n_fft // 2 if config.padding == "center" else (n_fft - hop) // 2
    return total[:, cut : length - cut] / envelope[:, cut : length - cut]


class FeatureExtractor(nn.Module):
    """The rows of all EnCodec codebooks, one after the other."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        rows = torch.zeros(config.codebook_rows, config.inputs)
        self.codebook_weights = nn.Parameter(rows)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes [batch, books, frames] to the sum of their rows, [batch, inputs, frames]."""
        rows = codes + BOOK_SIZE * torch.arange(codes.shape[1], device=codes.device)[None, :, None]
        return functional.embedding(rows, self.codebook_weights).sum(dim=1).transpose(1, 2)


class Generator(nn.Module):
    """`forward(x, bandwidth)` gives [batch, 1, samples].

    x is mel or features [batch, inputs, frames], or EnCodec codes [batch, books, frames] of an integer type where the
    model has the codebooks. `bandwidth` [batch] is the row of the adaptive norms (0 is 1.5 kbit/s, then 3, 6, 12); where
    it is left out, the one that has as many codebooks, else the last.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        if config.codebook_rows:
            self.feature_extractor = FeatureExtractor(config)
        self.backbone = Backbone(config)
        self.head = Head(config)

    def forward(self, x: Tensor, bandwidth: Tensor | None = None) -> Tensor:
        config = self.config
        if config.bandwidths and bandwidth is None:
            row = config.choose_bandwidth(None if x.is_floating_point() else x.shape[1])
            bandwidth = torch.full((len(x),), row, device=x.device)
        if not x.is_floating_point():
            x = self.feature_extractor(x)
        if not config.bandwidths:
            bandwidth = None
        if bandwidth is not None:
            bandwidth = bandwidth.long().reshape(-1)
        return self.head(self.backbone(x, bandwidth))[:, None]


def build(config: Config) -> Generator:
    """A freshly initialised model."""
    return Generator(config)


def load(module: nn.Module, state: Mapping[str, Tensor], prefix: str = "") -> None:
    """See `auscult.families._torch.load`; what the mel front end keeps, and the window, is left out."""
    unused = tuple(prefix + unused_prefix for unused_prefix in UNUSED_PREFIXES)
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(unused)}
    load_tensors(module, kept, prefix)
