"""Places in samples as spans in seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_SPANS = 50
"""Spans that a finding lists. Chosen, not measured."""

Spans = tuple[tuple[float, float], ...]


def join_into_spans(
    places: NDArray[np.int64], sample_rate: int, *, apart_seconds: float = 0.05
) -> Spans:
    """Samples, in order, that are near each other joined to one span; the first `MAX_SPANS`."""
    if not len(places):
        return ()
    cuts = np.flatnonzero(np.diff(places) > apart_seconds * sample_rate)
    starts, stops = np.concatenate([[0], cuts + 1]), np.concatenate([cuts, [len(places) - 1]])
    return tuple(
        (round(float(places[a]) / sample_rate, 4), round(float(places[b] + 1) / sample_rate, 4))
        for a, b in zip(starts[:MAX_SPANS], stops[:MAX_SPANS], strict=True)
    )
