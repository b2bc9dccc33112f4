"""Where samples were put into a recording, or taken out of it, between stretches that its reference
has as well.

The lag is followed in short pieces. As long as it stays, one product of two short vectors is all
that is computed; where it does not, the piece is searched for nearby, and the border between the
old lag and the new one is the place at which least is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.sound.correlation import correlate_lags
from auscult.sound.tracking import take_first_difference

Floats = NDArray[np.float32]

PIECE_SECONDS = 0.024
"""Length of a piece: shorter than the chunks that players are fed with. Chosen, not measured."""
NEAR_SECONDS = 0.045
"""How far from the last lag a piece is looked for first. Chosen, not measured."""
FAR_SECONDS = 0.6
"""And where it is not found there several times: more than a chunk. Chosen, not measured."""
MAX_MISSES = 4
"""Pieces in a row that are not found nearby, after which one is looked for farther away.

Chosen, not measured.
"""
MAX_FAR_SEARCHES = 20
"""Searches farther away, after which the two are not the same content. Chosen, not measured."""
SAME_CORRELATION = 0.95
"""Of a piece's first difference at a lag, from which on the lag is right: what was copied correlates
to 1, a neighbouring pitch period to 0.9.

Chosen, not measured.
"""
MAX_LEFT_SHARE = 0.5
"""Of what the old lag leaves unexplained of a piece: another lag has to leave less. Of a coded vowel a
neighbouring pitch period fits about as well as its own place.

Chosen, not measured.
"""
MIN_STEP_SAMPLES = 3
"""Smaller steps are a clock's. Chosen, not measured."""
SHARP_STEP_SAMPLES = 12
"""Steps of fewer samples count only between pieces that are copies to `SHARP_CORRELATION`: a clock
that drifts gives steps of a few samples between pieces that do not quite fit.

Chosen, not measured.
"""
SHARP_CORRELATION = 0.99
"""Correlation of such pieces. Chosen, not measured."""
MAX_MEDIAN_OFF = 0.02
"""Of a period, by which half of the places may be off. Chosen, not measured."""
EXCURSION_PIECES = 4
"""Pieces within which a step that is taken back is no step. Chosen, not measured."""
MAX_OFF = 0.1
"""Of a period, by which `MIN_EVEN_SHARE` of the places may be off. Chosen, not measured."""
MIN_EVEN_SHARE = 0.8
"""Share of the places that have to be so near. Chosen, not measured."""
MIN_FOUND = 0.4
"""Share of the sounding pieces that have to be copies. Chosen, not measured."""
QUIET_DB = 45.0
"""Pieces farther below the loudest are not looked at. Chosen, not measured."""
MAX_SECONDS = 120.0
"""Longer recordings are followed for their first two minutes. Chosen, not measured."""


@dataclass(frozen=True)
class LagStep:
    """A place at which the lag changes.

    Attributes:
        place: In samples of the reference.
        count: Samples that are there in the recording and not in the reference; negative where they
            are missing.
        lag: From here on.
    """

    place: int
    count: int
    lag: int


@dataclass(frozen=True)
class StepTrack:
    """The lag as a staircase.

    Attributes:
        first_lag: Before the first step: `recording[n + lag] ~ reference[n]`.
        steps: In order.
        found: Share of the sounding pieces that are copies.
    """

    first_lag: int
    steps: tuple[LagStep, ...]
    found: float

    def align(self, recording: Floats, reference: Floats) -> tuple[Floats, Floats]:
        """The two laid upon each other, [time] both: what was put in is left out, and where samples
        are missing both are zero.
        """
        length = len(reference)
        aligned, target = np.zeros(length, recording.dtype), reference.copy()
        borders = [0, *(step.place for step in self.steps), length]
        lags = [self.first_lag, *(step.lag for step in self.steps)]
        for start, stop, lag in zip(borders[:-1], borders[1:], lags, strict=True):
            first, last = max(start, -lag), min(stop, len(recording) - lag)
            if last > first:
                aligned[first:last] = recording[first + lag : last + lag]
        for step in self.steps:
            lost = max(-step.count, 0)
            for side in (aligned, target):
                side[max(step.place - lost, 0) : step.place + lost] = 0
        return aligned, target


def find_steps(recording: Floats, reference: Floats, rate: int, lag: int) -> StepTrack:
    """Follow the lag from the beginning of the reference on.

    Args:
        recording: [time], at the reference's rate.
        lag: About where the reference's first sample lies in the recording.
    """
    limit = int(MAX_SECONDS * rate)
    x = take_first_difference(recording[: limit + abs(lag)]).astype(np.float64)
    y = take_first_difference(reference[:limit]).astype(np.float64)
    size = max(int(PIECE_SECONDS * rate), 48)
    starts = _choose_starts(y, size)
    follower = _LagFollower(x, y, rate, size, lag)
    for start in starts:
        if not follower.take(int(start)):
            break
    found = follower.found / max(len(starts), 1)
    if found < MIN_FOUND:
        return StepTrack(follower.first_lag, (), found)
    return StepTrack(follower.first_lag, _merge_steps(follower.steps, size), found)


def _merge_steps(steps: list[LagStep], size: int) -> tuple[LagStep, ...]:
    """Steps nearer to each other than a piece are one; what is left of them has to be a step. A step
    that is taken back soon is none: a piece was like another place by chance.
    """
    merged: list[LagStep] = []
    for step in sorted(steps, key=lambda step: step.place):
        is_return = bool(merged) and step.count == -merged[-1].count
        reach = EXCURSION_PIECES * size if is_return else size
        if merged and step.place - merged[-1].place < reach:
            last = merged.pop()
            merged.append(LagStep(last.place, last.count + step.count, step.lag))
        else:
            merged.append(step)
    return tuple(step for step in merged if abs(step.count) >= MIN_STEP_SAMPLES)


class _LagFollower:
    """The state of following a lag."""

    def __init__(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        rate: int,
        size: int,
        lag: int,
    ) -> None:
        self.x, self.y, self.size = x, y, size
        self.near, self.far = int(NEAR_SECONDS * rate), int(FAR_SECONDS * rate)
        self.lag, self.first_lag = lag, lag
        self.steps: list[LagStep] = []
        self.found = self.misses = self.far_searches = 0
        self.last_found, self.last_correlation = 0, 0.0

    def take(self, start: int) -> bool:
        """Look at the piece that starts there; False where there is no sense in going on."""
        piece = self.y[start : start + self.size]
        correlation = self._correlate(piece, start + self.lag)
        if correlation < SAME_CORRELATION:
            margin = self.near
            if self.misses >= MAX_MISSES:
                margin, self.misses = self.far, 0
                self.far_searches += 1
            if self.far_searches > MAX_FAR_SEARCHES:
                return False
            lag, found = self._search(piece, start, margin)
            is_better = lag is not None and 1 - found <= MAX_LEFT_SHARE * (1 - correlation)
            if lag is None or not is_better or self._is_reused_past_end(lag, start):
                self.misses += 1
                return True
            correlation = found
            self._step_to(lag, start, min(correlation, self.last_correlation))
        self.found += 1
        self.misses = 0
        self.last_found, self.last_correlation = start, correlation
        return True

    def _is_reused_past_end(self, lag: int, start: int) -> bool:
        """Whether the recording ended before this piece, and the lag finds it again in what was
        already a copy of another piece: the reference says the like twice, and its end is missing.
        """
        is_past_end = start + self.lag + self.size > len(self.x)
        return bool(self.found and is_past_end and start + lag < self.last_found + self.lag)

    def _correlate(self, piece: NDArray[np.float64], first: int) -> float:
        window = self.x[max(first, 0) : max(first + self.size, 0)]
        if len(window) < self.size:
            return 0.0
        return float(window @ piece / np.sqrt((window @ window) * (piece @ piece) + 1e-30))

    def _search(
        self, piece: NDArray[np.float64], start: int, margin: int
    ) -> tuple[int | None, float]:
        low = max(start + self.lag - margin, 0)
        window = self.x[low : start + self.lag + self.size + margin]
        if len(window) < self.size:
            return None, 0.0
        first, values = correlate_lags(window, piece, min_overlap=self.size)
        top = int(np.argmax(values))
        if values[top] < SAME_CORRELATION:
            return None, 0.0
        return first + top + low - start, float(values[top])

    def _step_to(self, lag: int, start: int, correlation: float) -> None:
        """The change of lag, at the place at which least is left between the last piece and this
        one.
        """
        if not self.found:
            self.lag = self.first_lag = lag
            return
        count = lag - self.lag
        if abs(count) < SHARP_STEP_SAMPLES and correlation < SHARP_CORRELATION:
            self.lag = lag
            return
        stop = start + self.size
        span = np.arange(self.last_found, stop)
        old, new = (
            self._take(span + each) - self.y[self.last_found : stop] for each in (self.lag, lag)
        )
        left = np.concatenate([[0.0], np.cumsum(old**2)])
        right = np.concatenate([[0.0], np.cumsum(new**2)])
        place = self.last_found + int(np.argmin(left + right[-1] - right))
        self.steps.append(LagStep(place, count, lag))
        self.lag = lag

    def _take(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        inside = np.clip(places, 0, len(self.x) - 1)
        return np.asarray(np.where(inside == places, self.x[inside], 0.0))


def _choose_starts(y: NDArray[np.float64], size: int) -> NDArray[np.intp]:
    """Every half piece in which there is sound."""
    hop = size // 2
    energy = np.concatenate([[0.0], np.cumsum(y**2)])
    starts = np.arange(0, max(len(y) - size, 0), hop)
    power = energy[starts + size] - energy[starts]
    if not len(power) or power.max() <= 0:
        return starts[:0]
    return np.asarray(starts[power > power.max() * 10 ** (-QUIET_DB / 10)])


def find_period(places: tuple[int, ...]) -> float | None:
    """The distance of the places in samples where they are evenly spaced, or at multiples of it."""
    if len(places) < 4:
        return None
    gaps = np.diff(np.array(places, np.float64))
    shortest = float(np.median(gaps[gaps <= np.median(gaps)]))
    if shortest <= 0:
        return None
    multiples = np.rint(gaps / shortest)
    if (multiples < 1).any():
        return None
    period = float(gaps.sum() / multiples.sum())
    off = np.abs(gaps - multiples * period) / period
    is_even = np.median(off) <= MAX_MEDIAN_OFF and (off <= MAX_OFF).mean() >= MIN_EVEN_SHARE
    return period if is_even else None
