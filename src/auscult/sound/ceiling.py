"""What happens at the ends of the scale: cut off, squeezed, or wrapped round.

Source of the idea that clipping shows as a pile of equal values, at whatever level: Hansen,
Stauffer & Xia, "Nonlinear waveform distortion: assessment and detection of clipping on speech data
and systems" (Speech Communication 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MIN_NEAR_SHARE = 0.9
"""Of the extreme: samples above this are looked at. Chosen, not measured."""
MIN_NEAREST_SHARE = 0.98
"""Of the extreme: of the samples above this, those that equal it are counted.

Chosen, not measured.
"""
FLAT_TOLERANCE = 0.001
"""Of the extreme: samples this near to it count as lying on it. Chosen, not measured."""
BLOCK_SECONDS = 0.005
"""Length of the blocks whose peaks are compared. Chosen, not measured."""
FLAT_TOP_SAMPLES = 3
"""Samples that equal the extreme, one after the other, in a peak that is flat. Chosen, not measured."""
AT_CEILING_DB = 0.5
"""A block reaches the ceiling when its peak is at most this far below the highest one.

Chosen, not measured.
"""
HELD_SHARE = 0.7
"""Of the ceiling: samples above this count as held there. Chosen, not measured."""
MAX_CALM_STEP_SHARE = 0.35
"""Of a jump: the steps before and after it have to be smaller than this. Chosen, not measured."""
MAX_REMAINING_SHARE = 0.1
"""Of the modulus: a jump that comes so near to it is a wrap. Chosen, not measured."""


@dataclass(frozen=True, eq=False)
class SamplePile:
    """Samples that lie on an extreme of their channel.

    Attributes:
        share: Of the samples within a tenth of the extreme, how many lie on it.
        exact: Of the samples within 2 % of the extreme, how many equal it: near 1 for a cut, less
            for anything rounder.
        places: Their indices, in order.
        runs: How many of them follow another one directly.
        flat_tops: Peaks with `FLAT_TOP_SAMPLES` or more samples that equal the extreme.
        other_level: How often the most frequent of the other values within a tenth of the extreme
            occurs.
    """

    share: float
    exact: float
    places: NDArray[np.int64]
    runs: int
    flat_tops: int
    other_level: int


def find_largest_pile(channel: Floats) -> SamplePile:
    """The larger of the piles at the two extremes of [time] samples."""
    return max(
        (_measure_pile(channel, sign) for sign in (1.0, -1.0)),
        key=lambda pile: pile.share * np.sqrt(pile.runs),
    )


def _measure_pile(channel: Floats, sign: float) -> SamplePile:
    oriented = channel if sign > 0 else -channel
    highest = float(oriented.max(initial=0.0))
    if highest <= 0:
        return SamplePile(0.0, 0.0, np.zeros(0, np.int64), 0, 0, 0)
    near_places = np.flatnonzero(oriented >= MIN_NEAR_SHARE * highest)
    near = oriented[near_places]
    pile_places = near_places[near >= (1 - FLAT_TOLERANCE) * highest]
    exact = float((near == highest).sum() / (near >= MIN_NEAREST_SHARE * highest).sum())
    return SamplePile(
        len(pile_places) / len(near_places),
        exact,
        pile_places,
        int((np.diff(pile_places) == 1).sum()),
        _count_flat_tops(pile_places[oriented[pile_places] == highest]),
        _count_most_frequent(near[near < (1 - FLAT_TOLERANCE) * highest]),
    )


def _count_most_frequent(values: Floats) -> int:
    """How often the most frequent value occurs."""
    return int(np.unique(values, return_counts=True)[1].max(initial=0))


def _count_flat_tops(places: NDArray[np.int64]) -> int:
    """Runs of `FLAT_TOP_SAMPLES` or more in rising sample numbers."""
    runs = np.split(places, np.flatnonzero(np.diff(places) != 1) + 1)
    return sum(len(run) >= FLAT_TOP_SAMPLES for run in runs)


@dataclass(frozen=True)
class Squeeze:
    """How a waveform crowds under its ceiling.

    Attributes:
        crowding: Of the blocks of 5 ms whose peak is within 6 dB of the highest, how many are
            within 0.5 dB.
        held: In those, the share of samples above 0.7 of the ceiling: 0.5 for a sine, 1 for a
            square wave.
    """

    crowding: float
    held: float


def measure_squeeze(channel: Floats, sample_rate: int) -> Squeeze:
    """Measure [time] samples; zeros where nothing sounds."""
    step = max(1, int(BLOCK_SECONDS * sample_rate))
    blocks = np.abs(channel[: len(channel) // step * step].reshape(-1, step))
    peaks = blocks.max(axis=1, initial=0.0)
    ceiling = float(peaks.max(initial=0.0))
    if ceiling <= 0:
        return Squeeze(0.0, 0.0)
    at_ceiling = peaks > ceiling * 10.0 ** (-AT_CEILING_DB / 20)
    return Squeeze(
        float(at_ceiling.sum() / (peaks > ceiling * 0.5).sum()),
        float((blocks[at_ceiling] > HELD_SHARE * ceiling).mean()),
    )


@dataclass(frozen=True, eq=False)
class WrapJumps:
    """Jumps from one end of the scale to the other.

    Attributes:
        places: Index of the sample before each jump that fits.
        jumps: How many jumps there are in all.
        modulus: The height that takes the jumps away, in units of the samples.
        fits: How many of the jumps it takes away to within a tenth.
        steadiness: Share of the distances between jumps that equal the most frequent one; 1 for a
            sawtooth oscillator.
    """

    places: NDArray[np.int64]
    jumps: int
    modulus: float
    fits: int
    steadiness: float


def find_wraps(channel: Floats) -> WrapJumps:
    """Jumps of [time] samples between values near the two ends, with calm samples before and after
    them.
    """
    top = float(np.abs(channel).max(initial=0.0))
    steps = np.diff(channel)
    places = np.flatnonzero(np.abs(steps) > 1.0 * top)
    places = places[(places >= 2) & (places < len(steps) - 2)]
    if top <= 0 or not len(places):
        return WrapJumps(np.zeros(0, np.int64), 0, 2 * top, 0, 0.0)
    is_calm = np.maximum(
        np.abs(steps[places - 1]), np.abs(steps[places + 1])
    ) < MAX_CALM_STEP_SHARE * np.abs(steps[places])
    is_opposite = channel[places] * channel[places + 1] < 0
    is_against_slope = (steps[places - 1] * steps[places] < 0) & (
        steps[places + 1] * steps[places] < 0
    )  # against the jump, on both sides
    places = places[is_calm & is_opposite & is_against_slope]
    if not len(places):
        return WrapJumps(places, 0, 2 * top, 0, 0.0)
    jump_heights = np.abs(steps[places])
    slope = 0.5 * (steps[places - 1] + steps[places + 1])
    modulus = float(np.percentile(jump_heights + np.sign(steps[places]) * -slope, 90))
    modulus = max(modulus, 2 * top * 0.98)
    remaining_share = np.abs(modulus - jump_heights - np.abs(slope)) / modulus
    jump_distances = np.diff(places)
    if len(jump_distances) > 3:
        steadiness = float(
            np.unique(jump_distances, return_counts=True)[1].max() / len(jump_distances)
        )
    else:
        steadiness = 0.0
    return WrapJumps(
        places[remaining_share < MAX_REMAINING_SHARE],
        len(places),
        modulus,
        int((remaining_share < MAX_REMAINING_SHARE).sum()),
        steadiness,
    )
