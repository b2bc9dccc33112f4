"""How far one recording is from another, and what a recording is like, each measured with its unit."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.facts.windows import make_symmetric_hann
from auscult.sound.mel import mel_spectrogram, stft
from auscult.sound.mel_definition import Frames, MelDefinition, Samples

COMB_WIDTH_HZ = 4.0
"""To each side of a multiple: what is so near counts as lying on it. Chosen, not measured."""
ACTIVE_DB = 40.0
"""A frame counts as sounding when it is at most this far below the loudest.

Chosen, not measured.
"""
FLOOR_DB = 80.0
"""Levels this far below the loudest count as that. Chosen, not measured."""


def log_mel_distance(a: Frames, b: Frames) -> float:
    """Mean absolute difference of two log-mel spectrograms [n_mels, frames], over the frames that
    both have.

    In the unit of the logarithm; `auscult.sound.mel.decibel` converts.
    """
    if a.shape[0] != b.shape[0]:
        raise AudioError(
            "mel spectrograms have different numbers of bands",
            expected=a.shape[0],
            found=b.shape[0],
        )
    frames = min(a.shape[1], b.shape[1])
    if frames == 0:
        raise AudioError("mel spectrograms have no frames in common")
    return float(np.abs(a[:, :frames].astype(np.float64) - b[:, :frames]).mean())


def mel_correlation(a: Frames, b: Frames) -> float:
    """Pearson correlation of two log-mel spectrograms over the frames that both have; 0 where one
    is constant.
    """
    frames = min(a.shape[1], b.shape[1])
    x, y = (side[:, :frames].astype(np.float64).ravel() for side in (a, b))
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    if scale > 0:
        return float(x @ y / scale)
    return 0.0


def rms(samples: NDArray[np.float32]) -> float:
    """Root mean square about zero."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def spectral_flatness(samples: Samples, sample_rate: int) -> float:
    """Geometric over arithmetic mean of the average power spectrum above 50 Hz: 1 for white noise,
    near 0 for tones.
    """
    power = np.square(np.abs(stft(samples, standard_mel(sample_rate)).astype(np.complex128))).mean(
        axis=1
    )[4:]
    return float(np.exp(np.log(power + 1e-20).mean()) / (power.mean() + 1e-20))


def comb_share(samples: Samples, sample_rate: int, period: int) -> float:
    """Share of the energy above 20 Hz that lies on multiples of sample_rate / period, less what
    chance puts there: 0 to 1.

    Chance is the share of the frequency axis that counts as being on a multiple (±`COMB_WIDTH_HZ`).
    A sound that repeats every `period` samples gives 1; speech whose pitch wanders gives about 0.
    """
    from scipy.fft import next_fast_len, rfft

    size = next_fast_len(max(len(samples), 2), real=True)
    spectrum = rfft(
        samples.astype(np.float32) * make_symmetric_hann(len(samples)).astype(np.float32), size
    )
    per_hertz = size / sample_rate
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    power[: int(20.0 * per_hertz) + 1] = 0
    step = sample_rate / period
    chance = min(2 * COMB_WIDTH_HZ / step, 1.0)
    total = float(power.sum(dtype=np.float64))
    if total <= 0 or chance >= 1:
        return 0.0
    lines = np.arange(1, int(sample_rate / 2 / step) + 1) * step
    below = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])
    first = np.ceil((lines - COMB_WIDTH_HZ) * per_hertz).astype(int)
    last = np.minimum(np.floor((lines + COMB_WIDTH_HZ) * per_hertz).astype(int) + 1, len(power))
    share = float((below[last] - below[first]).sum()) / total
    return float(np.clip((share - chance) / (1.0 - chance), 0.0, 1.0))


def mel_movement_db(samples: Samples, sample_rate: int) -> float:
    """Standard deviation over time of the log-mel in dB, mean over the bands, of the frames in
    which there is sound.

    Frames and bands more than `FLOOR_DB` below the loudest count as that floor, so that neither
    level nor silence at the ends matters.
    """
    power = np.square(
        mel_spectrogram(samples, replace(standard_mel(sample_rate), log="none")).astype(np.float64)
    )
    level = power.sum(axis=0)
    if level.max() <= 0:
        return 0.0
    active = power[:, level > level.max() * 10.0 ** (-ACTIVE_DB / 10.0)]
    decibels = 10.0 * np.log10(np.maximum(active, power.max() * 10.0 ** (-FLOOR_DB / 10.0)))
    return float(decibels.std(axis=1).mean())


@cache
def standard_mel(sample_rate: int) -> MelDefinition:
    """The mel that measures are taken on: frames of about 64 ms every 16 ms, whatever the rate."""
    n_fft = 2 ** round(np.log2(sample_rate * 0.064))
    return MelDefinition(
        sample_rate=sample_rate,
        n_fft=n_fft,
        win=n_fft,
        hop=n_fft // 4,
        n_mels=64,
        fmax=sample_rate / 2,
        fmin=50.0,
    )
