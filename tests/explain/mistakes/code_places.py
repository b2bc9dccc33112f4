"""Networks whose code calls functions of torch, right and with one argument otherwise, and what `compare` says of the two."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.verbs.compare.compare import compare
from auscult.verdict import Verdict
from auscult.weights import Array

N_FFT, HOP = 64, 16


def draw_values(*shape: int) -> Array:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


WAVE, FRAMES, IMAGE = draw_values(1, 800), draw_values(1, 8, 53), draw_values(1, 1, 24, 20)


class Head(nn.Module):
    """Frames [batch, 8, time] to sound by an inverse STFT whose spectrum is made inside."""

    def __init__(
        self, *, periodic: bool = True, one_sided: bool = True, stored: bool = True
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.proj = nn.Conv1d(8, N_FFT + 2, 1)
        self.periodic, self.one_sided = periodic, one_sided
        if stored:
            self.register_buffer("window", torch.hann_window(N_FFT, periodic=periodic))

    def forward(self, x: Tensor) -> Tensor:
        log_magnitude, phase = self.proj(x).chunk(2, 1)
        spectrum = torch.polar(log_magnitude.clamp(max=2).exp(), phase)
        if not self.one_sided:
            spectrum = torch.cat([spectrum[:, :1], spectrum[:, 1:-1] / 2, spectrum[:, -1:]], 1)
        window = getattr(self, "window", torch.hann_window(N_FFT, periodic=self.periodic))
        return torch.istft(spectrum, N_FFT, HOP, window=window)


class Features(nn.Module):
    """Sound [batch, samples] through a spectrogram in the model's own code to a convolution."""

    def __init__(self, *, periodic: bool = True, pad_mode: str = "reflect") -> None:
        super().__init__()
        torch.manual_seed(1)
        self.periodic, self.pad_mode = periodic, pad_mode
        self.out = nn.Conv1d(N_FFT // 2 + 1, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        window = torch.hann_window(N_FFT, periodic=self.periodic)
        spectrum = torch.stft(
            x, N_FFT, HOP, window=window, pad_mode=self.pad_mode, return_complex=True
        )
        y: Tensor = self.out(torch.log1p(spectrum.abs()))
        return y


class SegmentContext(nn.Module):
    """The context of CAM++: averages over segments, next to that of the whole."""

    def __init__(self, *, is_divided_by_full_length: bool = False) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv1d(8, 16, 3, padding=1)
        self.out = nn.Conv1d(16, 8, 1)
        self.is_divided_by_full_length = is_divided_by_full_length

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.conv(x))
        pooled = h
        if self.is_divided_by_full_length:
            pooled = functional.pad(h, (0, -h.shape[-1] % 20))
        segments = functional.avg_pool1d(pooled, 20, 20, ceil_mode=True)
        y: Tensor = self.out(h.mean(-1, keepdim=True) + segments.repeat_interleave(20, -1))
        return y


class StatisticsPool(nn.Module):
    """Mean and standard deviation over time, and a projection."""

    def __init__(self, *, unbiased: bool = True, kept: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv1d(8, 16, 3, padding=1)
        self.out = nn.Linear(32, 8)
        self.unbiased, self.kept = unbiased, kept

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.conv(x))[..., : self.kept]
        spread = h.std(-1, unbiased=self.unbiased)
        y: Tensor = self.out(torch.cat([h.mean(-1), spread], -1))
        return y


class Resize(nn.Module):
    """Two convolutions of an image with `interpolate` between them."""

    def __init__(self, **arguments: object) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.out = nn.Conv2d(4, 4, 3, padding=1)
        self.arguments = arguments

    def forward(self, x: Tensor) -> Tensor:
        interpolate = functional.interpolate
        y: Tensor = self.out(interpolate(self.conv(x), **self.arguments))  # type: ignore[arg-type]
        return y


def list_causes(reference: object, candidate: object, x: Array) -> list[tuple[str, str]]:
    """Causes and messages of a comparison; none where the two are equivalent."""
    report = compare(reference, candidate, inputs=x)
    errors = [finding for finding in report.findings if finding.severity.value == "error"]
    assert bool(errors) == (report.verdict is Verdict.DIVERGENT)
    return [(finding.cause, finding.message) for finding in errors]
