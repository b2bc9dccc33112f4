"""Measures of a recording beside its reference: what is missing or added at the ends, tilt, order
of time, channels.

All take samples that are aligned already, or say how they align them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from auscult.facts.windows import make_symmetric_hann
from auscult.sound.correlation import centred_correlation, correlate_lags
from auscult.sound.mel_definition import Samples
from auscult.sound.recording import Recording
from auscult.sound.relation import Relation, mix_down
from auscult.sound.tracking import take_first_difference

BLOCK_SECONDS = 0.01
"""Length of the blocks that are asked whether there is sound in them. Chosen, not measured."""
ACTIVE_DB = 40.0
"""A block counts as sounding when it is at most this far below the loud blocks.

Chosen, not measured.
"""
MIN_POWER_SHARE = 1e-6
"""Of the loudest block's power: what is below is silence, and is left out where the loud blocks are
looked for.

Chosen, not measured.
"""
PRE_EMPHASES = (0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98)
TILT_BANDS_PER_OCTAVE = 3
"""Bands per octave in which two long-term spectra are compared. Chosen, not measured."""
TILT_RANGE_DB = 60.0
"""Bands farther below the loudest one are not compared. Chosen, not measured."""
MAX_PIECES = 60
"""Pieces of the recording that are searched for in the reference. Chosen, not measured."""
FIRST_LOOK_STEP = 5
"""Every so many pieces are looked at first; where none of them is displaced, the others are not
looked at.

Chosen, not measured.
"""
MIN_COPY_CORRELATION = 0.95
"""Correlation of a piece's first difference with its place in the reference, above which it is a
copy.

Chosen, not measured.
"""
MIN_COPY_ADVANTAGE = 0.02
"""By how much another place has to correlate better than a piece's own for the piece to be
displaced.

Chosen, not measured.
"""


def find_sounding_blocks(samples: Samples, rate: int) -> NDArray[np.bool_]:
    """Whether there is sound, every `BLOCK_SECONDS`: within `ACTIVE_DB` of the loud blocks."""
    size = max(int(BLOCK_SECONDS * rate), 1)
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    power = np.square(blocks - blocks.mean(axis=1, keepdims=True), dtype=np.float64).mean(axis=1)
    if not power.size or power.max() <= 0:
        return np.zeros(power.shape, bool)
    loud = np.percentile(power[power > power.max() * MIN_POWER_SHARE], 95)
    return np.asarray(power > loud * 10.0 ** (-ACTIVE_DB / 10.0))


@dataclass(frozen=True)
class CounterpartEnds:
    """Seconds at each end that only one of the two has, and how much of them is sound.

    Attributes:
        missing_start, missing_end: Of the reference, not in the recording.
        extra_start, extra_end: Of the recording, not in the reference.
        missing_sound, extra_sound: Seconds of sound in what is missing and extra, [start, end].
    """

    missing_start: float
    missing_end: float
    extra_start: float
    extra_end: float
    missing_sound: tuple[float, float]
    extra_sound: tuple[float, float]


def measure_overhang(
    relation: Relation, recording: Recording, reference: Recording
) -> CounterpartEnds:
    """What hangs over at the ends of the two, once they are laid upon each other; in seconds of the
    reference.
    """
    lag = relation.lag_seconds
    length = relation.recording_seconds * relation.rate_ratio / relation.time_stretch
    before, after = -lag, relation.reference_seconds - (length - lag)
    return CounterpartEnds(
        missing_start=max(before, 0.0),
        missing_end=max(after, 0.0),
        extra_start=max(-before, 0.0),
        extra_end=max(-after, 0.0),
        missing_sound=_measure_sound_at_ends(reference, max(before, 0.0), max(after, 0.0), 1.0),
        extra_sound=_measure_sound_at_ends(
            recording,
            max(-before, 0.0),
            max(-after, 0.0),
            relation.time_stretch / relation.rate_ratio,
        ),
    )


def _measure_sound_at_ends(
    recording: Recording, start: float, end: float, scale: float
) -> tuple[float, float]:
    """Seconds of sound in the first `start` and last `end` seconds, which last `scale` times as
    long in this recording.
    """
    is_sounding = find_sounding_blocks(mix_down(recording), recording.sample_rate)
    first, last = (
        min(round(seconds * scale / BLOCK_SECONDS), len(is_sounding)) for seconds in (start, end)
    )
    sounding_counts = (
        is_sounding[:first].sum(),
        is_sounding[len(is_sounding) - last :].sum() if last else 0,
    )
    return float(sounding_counts[0] * BLOCK_SECONDS / scale), float(
        sounding_counts[1] * BLOCK_SECONDS / scale
    )


@dataclass(frozen=True)
class SpectralTilt:
    """How the recording's spectrum is bent against the reference's.

    Attributes:
        coefficient: Of the first-order filter 1 - a z^-1 that explains it best; negative for its
            inverse (de-emphasis).
        off_db: Root mean square of what that filter leaves, over third octaves, in dB.
        flat_db: The same for no filter.
        span_db: By how much the filter itself differs between the lowest and highest third octave,
            in dB.
    """

    coefficient: float
    off_db: float
    flat_db: float
    span_db: float


def find_tilt(relation: Relation) -> SpectralTilt | None:
    """The pre-emphasis that turns the reference's long-term spectrum into the recording's; None
    where too little is heard.
    """
    rate = relation.aligned_reference.sample_rate
    candidate_power, reference_power = (
        _measure_third_octaves(mix_down(side), rate)
        for side in (relation.aligned_recording, relation.aligned_reference)
    )
    centres = 62.5 * 2.0 ** (np.arange(len(reference_power)) / TILT_BANDS_PER_OCTAVE)
    is_audible = (
        reference_power > reference_power.max(initial=0.0) * 10.0 ** (-TILT_RANGE_DB / 10)
    ) & (candidate_power > 0)
    if is_audible.sum() < 3 * TILT_BANDS_PER_OCTAVE:
        return None
    difference = 10.0 * np.log10(candidate_power[is_audible] / reference_power[is_audible])
    best_tilt: SpectralTilt | None = None
    flat_db = float(np.std(difference))
    for coefficient in PRE_EMPHASES:
        curve = 20.0 * np.log10(
            np.abs(1 - coefficient * np.exp(-2j * np.pi * centres[is_audible] / rate))
        )
        for sign in (1.0, -1.0):
            trial_tilt = SpectralTilt(
                sign * coefficient,
                float(np.std(difference - sign * curve)),
                flat_db,
                float(np.ptp(curve)),
            )
            if best_tilt is None or trial_tilt.off_db < best_tilt.off_db:
                best_tilt = trial_tilt
    return best_tilt


def _measure_third_octaves(samples: Samples, rate: int) -> NDArray[np.float64]:
    """Mean power in third octaves from 62.5 Hz to 0.45 of the rate."""
    size = 2 ** round(np.log2(rate * 0.064))
    if len(samples) < size:
        samples = np.pad(samples, (0, size - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples - samples.mean(), size)[:: size // 2]
    frames = frames[:: max(1, len(frames) // 1500)]
    power = np.square(np.abs(np.fft.rfft(frames * make_symmetric_hann(size), axis=1))).mean(axis=0)
    count = int(np.log2(0.45 * rate / 62.5) * TILT_BANDS_PER_OCTAVE) + 1
    edges = 62.5 * 2.0 ** ((np.arange(count + 1) - 0.5) / TILT_BANDS_PER_OCTAVE) * size / rate
    below = np.interp(
        edges, np.arange(len(power) + 1) - 0.5, np.concatenate([[0.0], np.cumsum(power)])
    )
    return np.asarray(np.diff(below) / np.diff(edges))


@dataclass(frozen=True)
class PieceOrder:
    """Where pieces of the recording lie in the reference.

    Attributes:
        copied: Share of the pieces that are copies of some place in the reference.
        displaced: Share of the pieces that are copies of another place than their own.
        places: Seconds in the recording and in the reference of the displaced ones, [pieces, 2].
    """

    copied: float
    displaced: float
    places: NDArray[np.float64]


def find_piece_order(
    recording: Samples,
    reference: Samples,
    rate: int,
    piece_seconds: float,
    tolerance_seconds: float,
) -> PieceOrder:
    """Look for pieces of the recording everywhere in the reference, both at `rate` and beginning
    together.

    Args:
        tolerance_seconds: How far from its own place a piece may lie before it counts as displaced.
    """
    size = max(int(piece_seconds * rate), 48)
    is_sounding = find_sounding_blocks(recording, rate)
    step = max(int(BLOCK_SECONDS * rate), 1)
    starts = np.flatnonzero(is_sounding) * step
    starts = starts[starts + size <= len(recording)]
    if len(starts):
        starts = starts[
            np.unique(np.linspace(0, len(starts) - 1, min(MAX_PIECES, len(starts))).astype(int))
        ]
    first_look = starts[::FIRST_LOOK_STEP]
    copied, places = _search_pieces(
        recording, reference, rate, first_look, size=size, tolerance_seconds=tolerance_seconds
    )
    if places and len(starts) > len(first_look):
        remaining_starts = np.setdiff1d(starts, first_look)
        more_copied, more_places = _search_pieces(
            recording,
            reference,
            rate,
            remaining_starts,
            size=size,
            tolerance_seconds=tolerance_seconds,
        )
        copied, places, first_look = copied + more_copied, places + more_places, starts
    count = max(len(first_look), 1)
    return PieceOrder(copied / count, len(places) / count, np.array(places).reshape(-1, 2))


def _search_pieces(
    recording: Samples,
    reference: Samples,
    rate: int,
    starts: NDArray[np.intp],
    *,
    size: int,
    tolerance_seconds: float,
) -> tuple[int, list[tuple[float, float]]]:
    """How many of the pieces are copies, and the seconds here and there of those from another
    place.
    """
    sharpened_reference, tolerance = take_first_difference(reference), int(tolerance_seconds * rate)
    copied, places = 0, []
    for start in starts:
        first, values = correlate_lags(
            sharpened_reference,
            take_first_difference(recording[start : start + size]),
            min_overlap=size,
        )
        top = int(np.argmax(values))
        if values[top] < MIN_COPY_CORRELATION:
            continue
        copied += 1
        own_index = int(start) - first
        values_near_own = values[max(own_index - tolerance, 0) : own_index + tolerance + 1]
        if values_near_own.max(initial=-1.0) < values[top] - MIN_COPY_ADVANTAGE:
            places.append((start / rate, (first + top) / rate))
    return copied, places


def correlate_channel_pairs(relation: Relation) -> NDArray[np.float64] | None:
    """Correlation of every channel of the recording with every channel of the reference, [2, 2];
    None unless both are stereo.
    """
    candidate_channels, reference_channels = (
        relation.aligned_recording.samples,
        relation.aligned_reference.samples,
    )
    if candidate_channels.shape[0] != 2 or reference_channels.shape[0] != 2:
        return None
    pairs = product(candidate_channels, reference_channels)
    return np.array([centred_correlation(a, b) for a, b in pairs]).reshape(2, 2)
