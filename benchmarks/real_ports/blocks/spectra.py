"""Spectra and back: front ends and heads on `torch.stft` and `torch.istft`, ported with matrices of sines and cosines."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.real_ports.block_building import BlockFault, build_block_pairs, copy_into
from benchmarks.real_ports.weights import draw_normal

N_FFT, HOP = 32, 8
BINS = N_FFT // 2 + 1


class IstftHead(nn.Module):
    """Magnitude and phase from one projection, then `torch.istft`."""

    window: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, N_FFT + 2)
        self.register_buffer("window", torch.hann_window(N_FFT))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        magnitude, phase = self.out(x).transpose(1, 2).chunk(2, 1)
        spectrum = torch.polar(magnitude.clamp(max=4).exp(), phase)
        return torch.istft(spectrum, N_FFT, HOP, window=self.window)


class Backbone(nn.Module):
    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.embed = nn.Conv1d(6, 16, 7, padding=3)
        self.norm = nn.LayerNorm(16, eps=1e-6)
        self.pwconv1 = nn.Linear(16, 32)
        self.act = nn.GELU()
        self.pwconv2 = nn.Linear(32, 16)
        self.head = head

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x = self.embed(mel).transpose(1, 2)
        x = x + self.pwconv2(self.act(self.pwconv1(self.norm(x))))
        return self.head(x)


class MatrixIstftHead(IstftHead):
    """The same by transposed convolutions with real bases, as an export without complex numbers needs it."""

    def __init__(self, width: int, fault: str) -> None:
        super().__init__(width)
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.out(x).transpose(1, 2)
        magnitude, phase = hidden[:, :BINS].clamp(max=4).exp(), hidden[:, BINS:]
        window = self.window
        if "symmetric" in self.fault:
            window = torch.hann_window(N_FFT, periodic=False)
        times = torch.arange(N_FFT) * torch.arange(BINS)[:, None] * (2 * torch.pi / N_FFT)
        counts = torch.full((BINS, 1), 2.0)
        counts[0] = counts[-1] = 1
        if "counted once" in self.fault:
            counts[:] = 1
        basis = torch.cat([counts * times.cos(), -counts * times.sin()]) / N_FFT * window
        parts = torch.cat([magnitude * phase.cos(), magnitude * phase.sin()], 1)
        signal = functional.conv_transpose1d(parts, basis[:, None], stride=HOP)
        weight = window if "the window sum" in self.fault else window**2
        ones = torch.ones(1, 1, x.shape[1])
        total = functional.conv_transpose1d(ones, weight[None, None], stride=HOP)
        cut = slice(N_FFT // 2, -(N_FFT // 2))
        return (signal[..., cut] / total[..., cut].clamp(min=1e-8))[:, 0]


def port_head(reference: Any, fault: str) -> Any:
    return copy_into(Backbone(MatrixIstftHead(16, fault)), reference)


class LogSpectrum(nn.Module):
    """`torch.stft` with what it does by default: centred, reflected, a periodic window given."""

    window: torch.Tensor
    bank: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(N_FFT))
        self.register_buffer(
            "bank", torch.rand(10, BINS, generator=torch.Generator().manual_seed(3))
        )

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        spectrum = torch.stft(wave, N_FFT, HOP, window=self.window, return_complex=True)
        return torch.log((self.bank @ spectrum.abs().square()).clamp(min=1e-5))


class Tagger(nn.Module):
    def __init__(self, front: nn.Module) -> None:
        super().__init__()
        self.front = front
        self.conv1 = nn.Conv1d(10, 16, 3, padding=1)
        self.bn = nn.BatchNorm1d(16)
        self.conv2 = nn.Conv1d(16, 4, 1)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        return self.conv2(functional.relu(self.bn(self.conv1(self.front(wave)))))


class FramedLogSpectrum(LogSpectrum):
    """The same with frames cut by hand."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        mode = "constant" if "zeros" in self.fault else "reflect"
        padded = functional.pad(wave[:, None], (N_FFT // 2, N_FFT // 2), mode)[:, 0]
        window = self.window
        if "symmetric" in self.fault:
            window = torch.tensor(np.hanning(N_FFT), dtype=torch.float32)
        frames = padded.unfold(-1, N_FFT, HOP) * window
        spectrum = torch.fft.rfft(frames).transpose(1, 2)
        power = spectrum.real**2 + spectrum.imag**2
        if "magnitudes" in self.fault:
            power = power.sqrt()
        bands = self.bank @ power
        if "added" in self.fault:
            return torch.log(bands + 1e-2)
        return torch.log(bands.clamp(min=1e-5))


def port_tagger(reference: Any, fault: str) -> Any:
    return copy_into(Tagger(FramedLogSpectrum(fault)), reference)


HEAD, FRONT = (r"head",), (r"front",)
PAIRS = [
    *build_block_pairs(
        "iSTFT head: torch.istft against transposed convolutions",
        lambda: Backbone(IstftHead(16)),
        port_head,
        lambda: [draw_normal(1, 6, 20)],
        [
            BlockFault("the window sum as divisor", HEAD, ("istft-normalisation", "istft-window")),
            BlockFault("a symmetric window", HEAD, ("istft-window",)),
            BlockFault("inner bins counted once", HEAD, ("istft-one-sided",)),
            BlockFault(
                "the window sum and a symmetric window",
                HEAD,
                ("istft-window", "istft-normalisation"),
            ),
        ],
    ),
    *build_block_pairs(
        "Log spectrum: torch.stft against frames cut by hand",
        lambda: Tagger(LogSpectrum()),
        port_tagger,
        lambda: [draw_normal(1, 400)],
        [
            BlockFault("a symmetric window", FRONT, ("stft-window",)),
            BlockFault("zeros at the borders", FRONT, ("padding-mode",)),
            BlockFault("magnitudes for powers", FRONT, ("activation-wrong", "factor")),
            BlockFault("an added constant for a limit", FRONT, ("activation-wrong",)),
        ],
    ),
]
