"""Dot products that one thread computes."""

from __future__ import annotations

import numpy as np

from auscult.weights import Array

PIECE_SIZE = 8192
"""Elements of a product: OpenBLAS shares one of more than 10,000 among threads (kernel/x86_64/ddot.c), which a block that
takes microseconds never pays for; on busy cores their waiting takes ten times as long as all the rest."""


def compute_dot_product(x: Array, y: Array) -> float:
    """The dot product of two flat real arrays, in their own type a piece at a time and in float64 over the pieces."""
    starts = range(0, x.size, PIECE_SIZE)
    return sum(float(np.dot(x[i : i + PIECE_SIZE], y[i : i + PIECE_SIZE])) for i in starts)
