"""How far a model's output is from another's."""

from __future__ import annotations

import numpy as np

from auscult.comparison.measure.distance import measure_distance
from auscult.traces.records import Trace


def measure_output_error(exact: Trace, rounded: Trace) -> float | None:
    """Relative error of the whole model's first output; None where it cannot be compared."""
    records = exact.find("", "output", 0), rounded.find("", "output", 0)
    if records[0] is None or records[1] is None:
        return None
    error = measure_distance(exact, records[0], rounded, records[1], {}).error
    if np.isfinite(error):
        return error
    return None
