"""Channels in each other's place: interleaved and read as one, planar and read as interleaved,
upside down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.sound.pcm import find_loud_part

Floats = NDArray[np.float32]
SKIP_BLOCK_SAMPLES = 1024
"""Samples of a block in which neighbours are compared: shorter than a vowel and the sibilant behind it.

Chosen, not measured.
"""
TINY = 1e-20
"""Added to energies, so that silence divides by no zero. Chosen, not measured."""


@dataclass(frozen=True)
class ChannelPairing:
    """Whether the samples of one channel come in pairs.

    Attributes:
        asymmetry_db: Difference within pairs (2n, 2n + 1) against that between them (2n + 1, 2n +
            2), in dB. A channel by itself gives 0, two similar channels interleaved give much.
        skip: Correlation of samples two apart less the magnitude of that of neighbours. A channel
            by itself gives less than 0, two unrelated channels interleaved give more.
        two_apart: The former of the two.
        balance_db: Energy of the even against that of the odd samples; large where one of them is
            nearly nothing.
        skip_in_blocks: `skip` of blocks of `SKIP_BLOCK_SAMPLES`, mean by their energy: a low sound
            followed by a hiss near half the sample rate cancels in the whole, and not in a block.
        half_step: `measure_half_step` of the even and the odd samples: well below 1 where they are one
            signal.
    """

    asymmetry_db: float
    skip: float
    two_apart: float
    balance_db: float
    skip_in_blocks: float
    half_step: float


def measure_pairing(channel: Floats, count: int = 4 * 16384) -> ChannelPairing:
    """Measure the loudest part of [time] samples."""
    part = find_loud_part(channel, count).astype(np.float64)
    part = part[: len(part) // 2 * 2]
    if len(part) < 64:
        return ChannelPairing(0.0, -1.0, 0.0, 0.0, -1.0, 1.0)
    part = part - part.mean()
    steps = np.abs(np.diff(part))
    usual_step = float(np.median(steps))
    steps = np.square(
        np.minimum(steps, 4 * usual_step if usual_step > 0 else np.inf)
    )  # a few corners must not count
    within_pairs, between_pairs = float(steps[::2].mean()), float(steps[1::2].mean())
    energy = float(part @ part) + TINY
    neighbours = float(part[1:] @ part[:-1]) / energy
    two_apart = float(part[2:] @ part[:-2]) / energy
    asymmetry = abs(10 * np.log10((within_pairs + TINY) / (between_pairs + TINY)))
    even_samples, odd_samples = part[::2], part[1::2]
    balance = abs(
        10
        * np.log10(
            (float(even_samples @ even_samples) + TINY) / (float(odd_samples @ odd_samples) + TINY)
        )
    )
    return ChannelPairing(
        asymmetry,
        two_apart - abs(neighbours),
        two_apart,
        balance,
        _measure_skip_in_blocks(part),
        _compute_half_step(even_samples, odd_samples),
    )


def _measure_skip_in_blocks(part: NDArray[np.float64]) -> float:
    """See `ChannelPairing.skip_in_blocks`, of [time] samples."""
    size = min(SKIP_BLOCK_SAMPLES, len(part))
    blocks = part[: len(part) // size * size].reshape(-1, size)
    neighbours = np.abs((blocks[:, 1:] * blocks[:, :-1]).sum(axis=1)).sum()
    two_apart = (blocks[:, 2:] * blocks[:, :-2]).sum()
    return float((two_apart - neighbours) / (np.square(blocks).sum() + TINY))


def measure_half_step(first: Floats, second: Floats, count: int = 4 * 16384) -> float:
    """How much better the second channel is predicted from half a sample later in the first than
    from the same sample.

    The ratio of the two residuals: above 1 for two channels of one time, near 0 where the channels
    are the even and the odd samples of one signal.
    """
    start = max(0, int(np.abs(first).argmax()) - count // 2)
    return _compute_half_step(
        first[start : start + count].astype(np.float64),
        second[start : start + count].astype(np.float64),
    )


def _compute_half_step(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if len(a) < 64:
        return 1.0
    between = (9 * (a[1:-2] + a[2:-1]) - (a[:-3] + a[3:])) / 16
    return _measure_residual_share(between, b[1:-2]) / max(
        _measure_residual_share(a[1:-2], b[1:-2]), 1e-9
    )


def _measure_residual_share(predictor: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Share of the energy of `target` that the best multiple of `predictor` leaves."""
    product = float(predictor @ target)
    return float(
        max(0.0, 1.0 - product**2 / (float(predictor @ predictor) * float(target @ target) + TINY))
    )


def correlate_halves(samples: Floats) -> float:
    """Of two channels [2, time] joined sample by sample and cut in two halves: the correlation of
    the halves' first differences at the best lag, going round at the ends.
    """
    from scipy.fft import irfft, rfft

    joined = np.diff(samples.T.reshape(-1).astype(np.float64))
    size = len(joined) // 2
    if size < 64:
        return 0.0
    first, second = joined[:size], joined[size : 2 * size]
    product = irfft(rfft(first) * np.conj(rfft(second)), size)
    scale = np.sqrt(float(first @ first) * float(second @ second))
    if scale > 0:
        return float(np.abs(product).max() / scale)
    return 0.0


def correlate_channels(first: Floats, second: Floats) -> float:
    """Of two channels without their means: -1 where one is the other upside down; 0 where one is
    silent.
    """
    a, b = first - first.mean(dtype=np.float64), second - second.mean(dtype=np.float64)
    scale = np.sqrt(float(a @ a) * float(b @ b))
    if scale > 0:
        return float(a @ b / scale)
    return 0.0
