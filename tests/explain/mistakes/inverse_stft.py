"""A spectrum and its way back, written frame by frame."""

from __future__ import annotations

from typing import Literal

import numpy as np

from auscult.explain.case import LayerCase
from auscult.weights import Array
from tests.explain.planted import draw, layer

N_FFT, HOP, FRAMES = 16, 4, 21
SPECTRUM = (draw(0, 1, N_FFT // 2 + 1, FRAMES) + 1j * draw(1, 1, N_FFT // 2 + 1, FRAMES)).astype(
    np.complex64
)


def invert(
    *, symmetric: bool = False, divide: bool = True, trim: Literal["centre", "same"] = "centre"
) -> Array:
    """Overlap-add of windowed frames, divided by the summed squared window."""
    window = np.hanning(N_FFT) if symmetric else np.hanning(N_FFT + 1)[:-1]
    length = (FRAMES - 1) * HOP + N_FFT
    total, weight = np.zeros(length), np.zeros(length)
    for index in range(FRAMES):
        place = slice(index * HOP, index * HOP + N_FFT)
        total[place] += window * np.fft.irfft(SPECTRUM[0, :, index], N_FFT)
        weight[place] += window**2
    if divide:
        total /= np.maximum(weight, 1e-3)
    cut = N_FFT // 2 if trim == "centre" else (N_FFT - HOP) // 2
    return total[None, cut:-cut]


def make_case(reference: Array, candidate: Array) -> LayerCase:
    return layer("Decoder", SPECTRUM, reference, candidate)
