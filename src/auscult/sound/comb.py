"""Energy on the multiples of a frequency: what repeats exactly, from beginning to end.

A model that answers to its frame clock repeats once per hop, which is a whole number of samples, so
that its lines lie on exact multiples of sample rate / hop for as long as it sounds and up to half
the sample rate. A voice moves; a note that is held lies near such a frequency only by accident, and
its twentieth partial twenty times as far off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.facts.windows import make_periodic_hann
from auscult.sound.folding import moving_mean

Floats = NDArray[np.float32]

MAX_SAMPLES = 2**18
"""Samples that are transformed at once, from the beginning on. Chosen, not measured."""
LOUDNESS_SECONDS = 0.05
"""Width of the mean that loudness is evened out with. Chosen, not measured."""
MIN_LOUDNESS_SHARE = 1e-2
"""Of the loudest place: what is quieter is not raised any more. Chosen, not measured."""
LINE_BINS = 2
"""Bins to each side of a multiple that belong to its line: the main lobe of a Hann window.

Chosen, not measured.
"""
MIN_LINES_APART = 12
"""Bins between two multiples, below which lines cannot be told from what lies between them.

Chosen, not measured.
"""
MIN_SHARE_OF_LOUDEST = 1e-8
"""Of the loudest surroundings of a multiple: fainter ones hold the side lobes of another line.

Chosen, not measured.
"""
MAX_LINES = 400
"""Multiples that are looked at, from the lowest on. Chosen, not measured."""
MAX_SHARE_OF_RATE = 0.47
"""Of the sample rate: above this no multiples are looked at. Chosen, not measured."""


@dataclass(frozen=True)
class Comb:
    """The multiples of one frequency.

    Attributes:
        hertz: The frequency.
        share: Of the energy around each multiple, how much lies on it, less what chance puts there,
            mean over the multiples: 1 for a sound that repeats exactly, 0 for speech, music and
            noise.
    """

    hertz: float
    share: float


def find_strongest_comb(voice: Floats, sample_rate: int, candidates: Sequence[float]) -> Comb:
    """The frequency of which most multiples are lines in [time] samples; every part counts alike,
    however loud it is.
    """
    from scipy.fft import next_fast_len, rfft

    samples = voice[:MAX_SAMPLES]
    if len(samples) < 2 or not samples.any():
        return Comb(0.0, 0.0)
    loudness = np.sqrt(
        np.maximum(moving_mean(np.square(samples), int(LOUDNESS_SECONDS * sample_rate)), 0)
    )
    level = samples / np.maximum(loudness, MIN_LOUDNESS_SHARE * loudness.max())
    size = next_fast_len(len(level), real=True)
    window = make_periodic_hann(len(level)).astype(np.float32)
    spectrum = rfft(level * window, size)
    cumulative_energy = np.concatenate(
        [[0.0], np.cumsum(np.square(spectrum.real) + np.square(spectrum.imag), dtype=np.float64)]
    )
    per_hertz, reach = size / sample_rate, LINE_BINS * size / len(level)
    combs = (
        Comb(hertz, _measure_line_share(cumulative_energy, hertz * per_hertz, reach))
        for hertz in candidates
    )
    return max(combs, key=lambda comb: comb.share, default=Comb(0.0, 0.0))


def _measure_line_share(
    cumulative_energy: NDArray[np.float64], spacing: float, reach: float
) -> float:
    """Mean share of the energy on the multiples of `spacing` bins, from the energies below each bin."""
    last = min(int(MAX_SHARE_OF_RATE * 2 * (len(cumulative_energy) - 2) / spacing), MAX_LINES)
    if spacing < MIN_LINES_APART or last < 2:
        return 0.0
    lines = np.asarray(np.arange(1, last + 1) * spacing, np.float64)
    on_line = _sum_energy_around(cumulative_energy, lines, reach)
    around = _sum_energy_around(cumulative_energy, lines, spacing / 2)
    loudest = float(around.max())
    if loudest <= 0:
        return 0.0
    chance = (2 * reach + 1) / spacing
    is_audible = (
        around > MIN_SHARE_OF_LOUDEST * loudest
    )  # else it is the side lobes of another line
    return float(
        np.where(
            is_audible,
            (on_line / np.maximum(around, MIN_SHARE_OF_LOUDEST * loudest) - chance) / (1 - chance),
            0.0,
        ).mean()
    )


def _sum_energy_around(
    cumulative_energy: NDArray[np.float64], middles: NDArray[np.float64], reach: float
) -> NDArray[np.float64]:
    """Energy within so many bins of each middle."""
    first, last = np.ceil(middles - reach).astype(int), np.floor(middles + reach).astype(int)
    return np.asarray(
        cumulative_energy[np.minimum(last + 1, len(cumulative_energy) - 1)]
        - cumulative_energy[np.maximum(first, 0)]
    )
