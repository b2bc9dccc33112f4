"""Images of the spectrum: what an upsampling layer leaves when its filter is missing or weak.

An upsampling by P lays copies of the spectrum at distances of multiples of sample rate / P. So what
lies in one bin and what lies that far away have a fixed relation of phase, which no other sound has
for long: the sound is cyclostationary. What is measured is the coherence of the phases over time,
the magnitudes left out; see Gardner, "Exploitation of spectral redundancy in cyclostationary
signals" (IEEE Signal Processing Magazine, 1991), and Pons, Pascual, Cengarle & Serrà, "Upsampling
artifacts in neural audio synthesis" (arXiv 2010.14356).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.facts.windows import make_periodic_hann
from auscult.sound.folding import moving_mean
from auscult.sound.masking import noise_to_mask_db

Floats = NDArray[np.float32]
Spectra = NDArray[np.complex64]

FRAME_SECONDS = 0.04
"""Length of the frames whose phases are compared. Chosen, not measured."""
MAX_FRAMES = 360
"""Sounding frames that are looked at, evenly spaced. Chosen, not measured."""
MIN_FRAMES = 12
"""Frames below which nothing is said. Chosen, not measured."""
ACTIVE_DB = 40.0
"""A frame counts as sounding when it is at most this far below the loud frames.

Chosen, not measured.
"""
FRAME_GRID = 240
"""Frames are a multiple of this long and begin at multiples of it: the usual strides divide it, so
that phases agree.

Chosen, not measured.
"""
NEIGHBOUR_BINS = 9
"""Bins over which a coherence is averaged: an image covers a band. Chosen, not measured."""
MIN_SHARE = 6.0
"""Over the number of frames: a smaller share is chance. Chosen, not measured."""
WEAKER_RATIO = 0.7
"""Of two coherent bins the weaker one is the image, and the higher one where neither has less than
so much of the other.

Chosen, not measured.
"""
SEGMENT_SECONDS = 0.25
"""Length of the segments that have to agree on a steady tone. Chosen, not measured."""
MIN_SEGMENTS = 4
"""Segments below which no tone is looked for. Chosen, not measured."""
FAINTEST_TONE_DB = -75.0
"""Against the sound: fainter tones are not looked at. Chosen, not measured."""


@dataclass(frozen=True)
class SpectralImages:
    """The images that stand out most of what masks them.

    Attributes:
        audible_db: How far they are above the masking threshold, in the band where they are most;
            -inf where there are none.
        level_db: Of all images against the sound.
        share: Of the power, that is an image, in a tenth of all frequencies at least.
        hertz: The middle of that band.
        stride: The upsampling that leaves them.
    """

    audible_db: float = -np.inf
    level_db: float = -np.inf
    share: float = 0.0
    hertz: float = 0.0
    stride: int = 0


def find_images(voice: Floats, sample_rate: int, strides: Sequence[int]) -> SpectralImages:
    """Look for images of upsamplings by `strides` in [time] samples."""
    distances = _list_distances(strides)
    loudest_images = SpectralImages()
    regular = [each for each in distances if FRAME_GRID % each.denominator == 0]
    for grid, group in (
        (FRAME_GRID, regular),
        *((2 * each.denominator, [each]) for each in distances if each not in regular),
    ):
        spectra = _compute_spectra(voice, sample_rate, grid)
        if group and len(spectra) >= MIN_FRAMES:
            loudest_images = max(
                loudest_images,
                _find_most_audible(spectra, group, sample_rate),
                key=lambda each: each.audible_db,
            )
    return loudest_images


def _list_distances(strides: Sequence[int]) -> list[Fraction]:
    """Distances of images in shares of the sample rate, up to a half."""
    distances: set[Fraction] = set()
    for stride in strides:
        distances.update(Fraction(k, stride) for k in range(1, stride // 2 + 1))
    return sorted(distances)


def _find_most_audible(
    spectra: Spectra, distances: Sequence[Fraction], sample_rate: int
) -> SpectralImages:
    power = np.square(spectra.real) + np.square(spectra.imag)
    size = np.sqrt(np.maximum(power, np.float32(1e-30)))
    phases, mean_magnitude = spectra / size, size.mean(axis=0)
    shares = np.stack([_measure_image_share(phases, mean_magnitude, each) for each in distances])
    share = shares.max(axis=0)
    if not share.any():
        return SpectralImages()
    audible_db, centres = noise_to_mask_db(power, share, sample_rate)
    amounts = shares.sum(axis=1)
    stride = max(
        each.denominator
        for each, amount in zip(distances, amounts, strict=True)
        if amount >= 0.5 * amounts.max()
    )
    best_band = int(audible_db.argmax())
    mean = power.mean(axis=0, dtype=np.float64)
    level = 10 * float(np.log10(max(float(mean @ share) / float(mean.sum()), 1e-20)))
    return SpectralImages(
        float(audible_db[best_band]),
        level,
        float(np.quantile(share, 0.9)),
        float(centres[best_band]),
        stride,
    )


def _compute_spectra(voice: Floats, sample_rate: int, grid: int) -> Spectra:
    """Spectra of at most `MAX_FRAMES` sounding frames of [time] samples, [frames, bins]."""
    from scipy.fft import rfft

    size = grid * max(1, round(FRAME_SECONDS * sample_rate / grid))
    step = grid * max(1, size // (2 * grid))
    if len(voice) < size:
        return np.zeros((0, size // 2 + 1), np.complex64)
    frames = np.lib.stride_tricks.sliding_window_view(voice, size)[::step]
    level = np.einsum("ft,ft->f", frames, frames)
    chosen = np.flatnonzero(level > np.percentile(level, 95) * 10.0 ** (-ACTIVE_DB / 10))
    if len(chosen) > MAX_FRAMES:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MAX_FRAMES).astype(int)]
    window = make_periodic_hann(size).astype(np.float32)
    return np.asarray(rfft(frames[chosen] * window, axis=1), np.complex64)


def _measure_image_share(phases: Spectra, size: Floats, distance: Fraction) -> Floats:
    """How much of the power of each bin goes with a louder one `distance` of the sample rate away,
    [bins].

    Args:
        phases: The spectra without their magnitudes, [frames, bins].
        size: Mean magnitude, [bins].
    """
    bins, frames = phases.shape[1], len(phases)
    away = round(distance * 2 * (bins - 1))
    turned = min(away + 1, bins)  # what lies below 0 Hz is what lies above, conjugate
    together = np.empty(bins, np.complex64)
    partner = np.abs(np.arange(bins) - away)
    together[:turned] = np.einsum(
        "fb,fb->b", phases[:, :turned], phases[:, away - turned + 1 : away + 1][:, ::-1]
    )
    together[turned:] = np.einsum("fb,fb->b", phases[:, turned:], phases[:, 1 : bins - away].conj())
    share = np.maximum(np.square(np.abs(together) / frames) - 1 / frames, 0.0)
    share = moving_mean(np.asarray(share, np.float32), NEIGHBOUR_BINS)
    result = np.zeros(bins, np.float32)
    certain_share = np.where(
        share > MIN_SHARE / frames, np.minimum(share, np.float32(1)), np.float32(0)
    )
    bin_indices = np.arange(bins)
    for image_bins, source_bins in ((bin_indices, partner), (partner, bin_indices)):
        is_image = size[image_bins] < size[source_bins] * np.where(
            image_bins > source_bins, np.float32(1 / WEAKER_RATIO), np.float32(WEAKER_RATIO)
        )
        np.maximum.at(result, image_bins[is_image], certain_share[is_image])
    return result


@dataclass(frozen=True)
class SteadyTone:
    """A steady tone at a multiple of sample_rate / stride.

    Attributes:
        level_db: Against the sound.
        agreement: Share of the segments that hold it at the same amplitude and phase, to within a
            half: 1 for a tone at that very frequency.
        hertz: Its frequency.
    """

    level_db: float
    agreement: float
    hertz: float


def iter_steady_tones(
    voice: Floats, sample_rate: int, strides: Sequence[int]
) -> Iterator[SteadyTone]:
    """For each stride, the tone that repeats every so many samples of [time] samples."""
    if voice.size:
        rms = float(np.sqrt(np.mean(np.square(voice, dtype=np.float64))))
    else:
        rms = 0.0
    whole = _average_segments(voice, sample_rate, FRAME_GRID)
    for stride in strides:
        if FRAME_GRID % stride:
            folded = _average_segments(voice, sample_rate, stride)
        else:
            folded = whole.reshape(len(whole), FRAME_GRID // stride, stride).mean(
                axis=1, dtype=np.float64
            )
        yield _find_steadiest_tone(folded, rms, sample_rate, stride)


def _average_segments(series: Floats, sample_rate: int, period: int) -> Floats:
    """Means at each phase of a period in segments of `SEGMENT_SECONDS`, [segments, period], of
    [time] values.
    """
    length = max(period, int(SEGMENT_SECONDS * sample_rate) // period * period)
    count = len(series) // length
    table = series[: count * length].reshape(count, length // period, period)
    return np.asarray(table.mean(axis=1), np.float32)


def _find_steadiest_tone(
    folded: NDArray[Any], rms: float, sample_rate: int, stride: int
) -> SteadyTone:
    """The tone of [segments, stride] that most segments agree on; the others may hold other sound
    of that frequency.
    """
    if len(folded) < MIN_SEGMENTS or stride < 2 or rms <= 0:
        return SteadyTone(-np.inf, 0.0, 0.0)
    tones = np.fft.rfft(folded, axis=1)[:, 1:] / stride  # [segments, harmonics]
    usual = np.median(tones.real, axis=0) + 1j * np.median(tones.imag, axis=0)
    agreement = np.mean(np.abs(tones - usual) < 0.5 * np.abs(usual), axis=0)
    sides = np.where(2 * np.arange(1, len(usual) + 1) < stride, 2.0, 1.0)
    level = 20 * np.log10(np.maximum(np.abs(usual) * sides / np.sqrt(2) / rms, 1e-20))
    best = int(np.where(level >= FAINTEST_TONE_DB, agreement, -1).argmax())
    return SteadyTone(float(level[best]), float(agreement[best]), (best + 1) * sample_rate / stride)
