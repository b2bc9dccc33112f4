"""A recording in a few hundred numbers, for a picture at a terminal: level and coarse spectrum over
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from auscult.sound.analysis import SoundAnalysis

COLUMNS = 64
"""Columns of the picture. Chosen, not measured."""
ROWS = 8
"""Rows of the picture. Chosen, not measured."""
DEPTH_DB = 60.0
"""Levels so far below the loudest are the bottom of the picture. Chosen, not measured."""
LOWEST_HZ = 60.0
"""The lower edge of the picture. Chosen, not measured."""


@dataclass(frozen=True, eq=False)
class SpectrumStrip:
    """Power over time and frequency.

    Attributes:
        power: [rows, columns], low frequencies first; rows are spaced logarithmically from
            `LOWEST_HZ` to half the sample rate.
        seconds: The length.
    """

    power: NDArray[np.float64]
    seconds: float


def make_strip(analysis: SoundAnalysis, columns: int = COLUMNS) -> SpectrumStrip:
    """The picture of one piece, in so many columns."""
    edges = np.searchsorted(
        analysis.hertz, np.geomspace(LOWEST_HZ, analysis.sample_rate / 2, ROWS + 1)
    )
    starts = np.minimum(edges[:-1], analysis.power.shape[1] - 1)
    bands = np.add.reduceat(analysis.power, starts, axis=1)[:, :ROWS]
    frames = np.linspace(0, len(bands), columns + 1)
    cells = [bands[int(a) : max(int(a) + 1, int(b))].mean(axis=0) for a, b in pairwise(frames)]
    return SpectrumStrip(np.array(cells, np.float64).T, analysis.seconds)


def join_strips(strips: Sequence[SpectrumStrip], columns: int = COLUMNS) -> SpectrumStrip:
    """One picture of pieces that follow one another."""
    total = sum(piece.seconds for piece in strips)
    joined_power = np.concatenate([piece.power for piece in strips], axis=1)
    widths = np.concatenate(
        [np.repeat(piece.seconds / piece.power.shape[1], piece.power.shape[1]) for piece in strips]
    )
    places = np.minimum(
        ((np.cumsum(widths) - widths / 2) / total * columns).astype(int), columns - 1
    )
    power = np.zeros((ROWS, columns))
    np.add.at(power.T, places, (joined_power * widths).T)
    weight = np.bincount(places, widths, columns)
    return SpectrumStrip(power / np.maximum(weight, 1e-12), total)


def render_digits(picture: SpectrumStrip) -> list[str]:
    """The picture as one string of digits per row, high frequencies first: 9 is the loudest, 0 is
    `DEPTH_DB` below.
    """
    db = 10 * np.log10(np.maximum(picture.power, 1e-30))
    depth = np.clip((db - db.max(initial=-300.0)) / DEPTH_DB + 1, 0, 1)
    digits = np.round(9 * depth[::-1]).astype(int).astype(str)
    return ["".join(row) for row in digits]
