"""Pieces of a sound that come again as exact copies.

Two utterances of one word by one voice are never the same waveform. Candidates are found on a
matrix of the likeness of all frames with all later ones, and proved on the waveform.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.sound.analysis import SoundAnalysis
from auscult.sound.correlation import correlate_lags

Floats = NDArray[np.float32]

MAX_FRAMES = 1600
"""Frames that are compared with each other; longer sounds are thinned. Chosen, not measured."""
BANDS = 24
"""Bands of a frame. Chosen, not measured."""
RUN_FRAMES = 14
"""Frames in a row that have to be alike. Chosen, not measured."""
MIN_LIKENESS = 0.93
"""Cosine of the frames' levels, mean over such a run. Chosen, not measured."""
PIECE_SECONDS = 0.2
"""Length of the piece that is compared as a waveform. Chosen, not measured."""
MIN_COPY = 0.95
"""Correlation of its first difference with its copy: what was copied correlates to 1, one word said
twice to 0.6.

Chosen, not measured.
"""
LONG_SECONDS = 0.7
"""Length from which on frames that are alike are enough. Chosen, not measured."""
LONG_LIKENESS = 0.9
"""Cosine of the frames' levels for that. Chosen, not measured."""
NEARLY_LIKENESS = 0.8
"""Cosine from which on frames are nearly alike. Chosen, not measured."""
MAX_LEFT_SHARE = 0.1
"""Share of the energy of two blocks that their difference may have where they are the same.

Chosen, not measured.
"""
SILENT_ENERGY = 1e-9
"""Energy of a difference that is silence. Chosen, not measured."""
MAX_STILL_SHARE = 0.2
"""Share of all lags at which a stretch may be nearly as alike: a held note is at all.

Chosen, not measured.
"""
CANDIDATES = 8
"""Lags that are tried. Chosen, not measured."""


@dataclass(frozen=True)
class SoundCopy:
    """A stretch that comes again.

    Attributes:
        start, lag, length: In seconds: where it is first, how much later it comes again, how long it
            is alike.
        times: How often in all it comes, one `lag` apart.
        correlation: Of a piece of it with its copy; 0 where only the spectra are alike.
    """

    start: float
    lag: float
    length: float
    times: int
    correlation: float


def find_copy(analysis: SoundAnalysis, least_lag: float) -> SoundCopy | None:
    """The longest stretch that comes again as a copy.

    Args:
        least_lag: In seconds.
    """
    voice, rate, hop = analysis.voice, analysis.sample_rate, analysis.hop
    power, active = analysis.power, analysis.active_frames
    thin = max(1, -(-len(power) // MAX_FRAMES))
    sounding = active[::thin]
    step = hop * thin
    first = max(int(least_lag * rate / step), 2)
    if len(sounding) < first + RUN_FRAMES or sounding.sum() < RUN_FRAMES:
        return None
    features = _make_features(power[::thin], sounding)
    run = max(RUN_FRAMES // thin, 6)
    scores = _score_lags(features, sounding, first, run)
    for lag_frames, place in _choose_candidates(scores):
        if (scores[:, place] >= NEARLY_LIKENESS).mean() >= MAX_STILL_SHARE:
            continue
        found = _prove(voice, rate, place * step, lag_frames * step, (step + hop, run * step))
        if found is not None:
            return found
    return _find_long_likeness(scores, step / rate, run)


def _find_long_likeness(scores: NDArray[np.float32], seconds: float, run: int) -> SoundCopy | None:
    """The longest stretch of which every run is alike a constant time later, although the waveforms
    are not: the same thing rendered twice.
    """
    least = max(int(LONG_SECONDS / seconds) - run, 1)
    if scores.shape[1] <= least:
        return None
    alike = np.cumsum(np.pad(scores >= LONG_LIKENESS, ((0, 0), (1, 0))), axis=1)
    full: NDArray[np.bool_] = (alike[:, least:] - alike[:, :-least]) == least
    full[: int(LONG_SECONDS / seconds)] = False
    full &= (scores >= NEARLY_LIKENESS).mean(axis=0)[: full.shape[1]] < MAX_STILL_SHARE
    lags = np.flatnonzero(full.any(axis=1))
    if not len(lags):
        return None
    lag = int(max(lags, key=lambda each: int(full[each].sum())))
    places = np.flatnonzero(full[lag])
    length = float((np.ptp(places) + least + run) * seconds)
    times = 1 + max(round(length / (lag * seconds)), 1)
    return SoundCopy(float(places[0] * seconds), lag * seconds, length, times, 0.0)


def _make_features(power: Floats, sounding: NDArray[np.bool_]) -> Floats:
    """Levels of frames in bands, without each band's mean, of length 1, [frames, bands].

    Means are of the sounding frames: against silence every sound is like every other.
    """
    edges = np.unique(np.geomspace(2, power.shape[1] - 1, BANDS + 1).astype(int))
    floor = power[sounding].mean() * 1e-4 + 1e-20
    bands = np.log(np.add.reduceat(power, edges[:-1], axis=1) + floor)
    bands -= bands[sounding].mean(axis=0)
    return np.asarray(bands / (np.linalg.norm(bands, axis=1, keepdims=True) + 1e-9), np.float32)


def _score_lags(
    features: Floats, sounding: NDArray[np.bool_], first: int, run: int
) -> NDArray[np.float32]:
    """For every lag (row) and place (column) the mean likeness over a run, -1 where it is silent."""
    count = len(features)
    likeness = np.full((count, 2 * count), -1.0, np.float32)
    likeness[:, :count] = features @ features.T
    likeness[~sounding, :] = -1.0
    stride = likeness.strides
    by_lag = np.lib.stride_tricks.as_strided(
        likeness, (count, count), (stride[0] + stride[1], stride[1])
    )  # [place, lag]
    total = np.cumsum(np.vstack([np.zeros((1, count), np.float32), by_lag]), axis=0)
    scores = (total[run:] - total[:-run]) / run
    scores[:, :first] = -1.0
    return np.ascontiguousarray(scores.T)


def _choose_candidates(scores: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Lags with a run that is alike, those with the longest stretch of such runs first."""
    alike = scores >= MIN_LIKENESS
    lengths = alike.sum(axis=1)
    chosen: list[tuple[int, int]] = []
    for lag in np.argsort(-lengths, kind="stable")[: 6 * CANDIDATES]:
        if lengths[lag] == 0 or len(chosen) == CANDIDATES:
            break
        if all(abs(int(lag) - other) > 2 for other, _ in chosen):
            chosen.append((int(lag), int(np.argmax(scores[lag]))))
    return chosen


def _prove(
    voice: Floats, rate: int, start: int, lag: int, spans: tuple[int, int]
) -> SoundCopy | None:
    """The copy at that place and lag, if the waveforms agree."""
    margin, run = spans
    size = int(PIECE_SECONDS * rate)
    start += max((run - size) // 2, 0)
    piece = np.diff(voice[start : start + size])
    low = max(start + lag - margin, start + 1)
    window = np.diff(voice[low : start + lag + size + margin])
    if len(piece) < size - 1 or len(window) < len(piece):
        return None
    shift, values = correlate_lags(window, piece, min_overlap=len(piece))
    top = int(np.argmax(values))
    if values[top] < MIN_COPY:
        return None
    exact = low + shift + top - start
    begin, stop = _extend(voice, rate, start, exact)
    length = (stop - begin) / rate
    return SoundCopy(
        begin / rate,
        exact / rate,
        length,
        1 + max(round(length * rate / exact), 1),
        float(values[top]),
    )


def _extend(voice: Floats, rate: int, start: int, lag: int) -> tuple[int, int]:
    """From where to where the sound is the same as `lag` later."""
    block = max(int(0.02 * rate), 16)
    count = (len(voice) - lag) // block
    a = voice[: count * block].reshape(count, block).astype(np.float64)
    b = voice[lag : lag + count * block].reshape(count, block).astype(np.float64)
    left = np.square(a - b).sum(axis=1)
    energy = np.square(a).sum(axis=1) + np.square(b).sum(axis=1)
    same = left <= MAX_LEFT_SHARE * energy + SILENT_ENERGY
    place = start // block
    low = high = min(place, count - 1)
    while low > 0 and same[low - 1]:
        low -= 1
    while high < count - 1 and same[high + 1]:
        high += 1
    return low * block, (high + 1) * block
