"""Means of the figures of several recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def average_rows(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each figure over rows that have the same figures."""
    means = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        means[name] = float(np.mean(values))
    return means
