"""Where there is no sound: at the ends, and cut out of the middle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Spans = NDArray[np.int64]

SILENT_DB = 60.0
"""What is farther below the loud parts is silent. Chosen, not measured."""
BLOCK_SECONDS = 0.01
"""Length of the blocks of an envelope. Chosen, not measured."""
EDGE_SECONDS = 0.004
"""Sound that there has to be before and after a gap; a quarter of it, next to the gap, has to be
loud.

Chosen, not measured.
"""
MIN_LEVEL_SHARE = 1e-3
"""Of the loudest block: quieter ones are left out where the loud blocks are looked for.

Chosen, not measured.
"""


@dataclass(frozen=True)
class GapEnds:
    """Silence before the first and after the last sound, in seconds, and the longest silence
    between.
    """

    before: float
    after: float
    between: float
    seconds: float


def measure_envelope(channel: Floats, sample_rate: int) -> Floats:
    """Half of what lies between the highest and the lowest sample of every 10 ms, [blocks]: a
    constant counts for nothing.
    """
    step = max(1, int(BLOCK_SECONDS * sample_rate))
    blocks = channel[: len(channel) // step * step].reshape(-1, step)
    return np.asarray((blocks.max(axis=1) - blocks.min(axis=1)) / 2)


def measure_end_silence(peaks: Floats, seconds: float) -> GapEnds:
    """Silence in an envelope (`measure_envelope`)."""
    if (peaks > 0).any():
        loud_level = float(np.percentile(peaks[peaks > 0], 95))
    else:
        loud_level = 0.0
    sounding = np.flatnonzero(peaks > loud_level * 10.0 ** (-SILENT_DB / 20))
    if loud_level <= 0 or not len(sounding):
        return GapEnds(seconds, 0.0, 0.0, seconds)
    between = float(np.diff(sounding).max(initial=1) - 1) * BLOCK_SECONDS
    after = seconds - (int(sounding[-1]) + 1) * BLOCK_SECONDS
    return GapEnds(float(sounding[0]) * BLOCK_SECONDS, max(0.0, after), between, seconds)


def find_equal_runs(channel: Floats, shortest: int) -> Spans:
    """Start and end (exclusive) of stretches of at least `shortest` equal samples, [runs, 2]."""
    same = channel[1:] == channel[:-1]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    spans = edges.reshape(-1, 2)
    spans = spans[spans[:, 1] - spans[:, 0] >= shortest - 1]
    return np.asarray(np.stack([spans[:, 0], spans[:, 1] + 1], axis=1), np.int64)


def find_cut_outs(
    channel: Floats, sample_rate: int, shortest_seconds: float
) -> tuple[Spans, Floats]:
    """Stretches of equal samples between sounds, [gaps, 2], and how abruptly each begins and ends,
    [gaps, 2].

    Abrupt is the root mean square about the held value of the millisecond before or after, over that of the loud parts
    of the recording: a sound that has died away before a pause, or starts from nothing after it,
    gives a small value.
    """
    spans = find_equal_runs(channel, max(3, int(shortest_seconds * sample_rate)))
    edge = max(4, int(EDGE_SECONDS * sample_rate))
    spans = spans[(spans[:, 0] >= edge) & (spans[:, 1] + edge <= len(channel))]
    loud_level = _measure_loud_level(channel, sample_rate)
    if not len(spans) or loud_level <= 0:
        return spans[:0], np.zeros((0, 2), np.float32)
    near = edge // 4  # the last millisecond has to be loud by itself: a fade is not
    sides = []
    for start, stop in ((spans[:, 0] - near, spans[:, 0]), (spans[:, 1], spans[:, 1] + near)):
        sides.append(
            [
                float(np.sqrt(np.mean(np.square(channel[a:b] - held))))
                for a, b, held in zip(start, stop, channel[spans[:, 0]], strict=True)
            ]
        )
    return spans, np.asarray(np.array(sides).T / loud_level, np.float32)


def _measure_loud_level(channel: Floats, sample_rate: int) -> float:
    step = max(1, int(BLOCK_SECONDS * sample_rate))
    blocks = channel[: len(channel) // step * step].reshape(-1, step)
    blocks = blocks - blocks.mean(axis=1, keepdims=True)
    levels = np.sqrt(np.einsum("bt,bt->b", blocks, blocks) / step)
    sounding = levels > MIN_LEVEL_SHARE * levels.max(initial=0.0)
    if sounding.any():
        return float(np.percentile(levels[sounding], 80))
    return 0.0
