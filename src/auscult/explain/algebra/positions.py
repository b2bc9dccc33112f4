"""Tables of positions: sinusoidal in each usual order, or learned and among the weights at hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from auscult.explain.algebra import layers as ops
from auscult.explain.algebra.nearness import to_float64
from auscult.explain.case import LayerCase
from auscult.weights import Array

ORDERS = ("sin-cos", "cos-sin", "interleaved")


@dataclass(frozen=True, eq=False)
class PositionTable:
    """One table; without `rows` it is computed.

    Attributes:
        rows: [positions, features].
        frames: How many rows are taken.
        order, shift: As `algebra.layers.make_sinusoids` has them.
    """

    rows: Array | None
    frames: int
    width: int
    order: str = "sin-cos"
    shift: int = 0

    def __call__(self, first: int) -> Array | None:
        """Rows from `first` on, [time, features]."""
        if self.rows is None:
            positions = np.arange(self.frames) + float(first)
            return ops.make_sinusoids(positions, self.width, order=self.order, shift=self.shift)  # type: ignore[arg-type]
        if first < 0 or first + self.frames > len(self.rows):
            return None
        return self.rows[first : first + self.frames]


def iter_sinusoids(frames: int, width: int) -> Iterator[PositionTable]:
    """Tables of sinusoids in every order and with both usual exponents; none for an odd width."""
    for order in ORDERS if width % 2 == 0 else ():
        for shift in (0, 1):
            yield PositionTable(None, frames, width, order, shift)


def iter_position_tables(case: LayerCase, frames: int, width: int) -> Iterator[PositionTable]:
    """Tables that may have been added: sinusoids in every order, and those among the weights."""
    yield from iter_sinusoids(frames, width)
    tensors = [
        *case.weights.values(),
        *(w for weights in case.relatives.values() for w in weights.values()),
    ]
    for value in tensors:
        flat = value.reshape(-1, value.shape[-1]) if value.ndim > 1 else None
        if flat is not None and flat.shape[-1] == width and len(flat) >= frames:
            yield PositionTable(to_float64(flat), frames, width)
