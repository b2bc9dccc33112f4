"""A recording that was stretched in time by splicing: WSOLA and its kind repeat or leave out a pitch
period every few hundredths of a second.

The lag to the reference is then a staircase of many uneven steps along a line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.sound.relation import MIN_STRETCH
from auscult.sound.steps import StepTrack

MIN_JOINS = 8
"""Steps of the lag below which no line is laid through them. Chosen, not measured."""
MIN_JOINS_PER_SECOND = 4.0
"""Steps a second: chunks of a player are longer, and lose or gain the same each time.

Chosen, not measured.
"""
MAX_OFF_SECONDS = 0.03
"""How far nine of ten steps may lie off the line: WSOLA looks for a fitting place so far away.

Chosen, not measured.
"""
MIN_UNEVEN = 0.2
"""Deviation of the steps' sizes over their median: pitch periods and places that fit differ.

Chosen, not measured.
"""


@dataclass(frozen=True)
class SpliceStretch:
    """How many times as long the recording takes, and at how many places it was joined."""

    factor: float
    joins: int


def find_splice_stretch(track: StepTrack, rate: int) -> SpliceStretch | None:
    """The stretch that a staircase of the lag amounts to; None where it is another thing."""
    if len(track.steps) < MIN_JOINS:
        return None
    places = np.array([step.place for step in track.steps], np.float64)
    lags = np.array([step.lag for step in track.steps], np.float64)
    counts = np.abs([step.count for step in track.steps])
    seconds = float(np.ptp(places)) / rate
    if seconds <= 0 or len(places) < MIN_JOINS_PER_SECOND * seconds:
        return None
    slope, start = np.polyfit(places, lags, 1)
    off = np.percentile(np.abs(lags - start - slope * places), 90)
    is_uneven = float(counts.std()) > MIN_UNEVEN * float(np.median(counts))
    if abs(slope) < MIN_STRETCH or off > MAX_OFF_SECONDS * rate or not is_uneven:
        return None
    return SpliceStretch(1.0 + float(slope), len(places))
