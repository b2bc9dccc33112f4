"""The noise of one run for another of a longer input or a larger batch: what both draw is the same."""

from __future__ import annotations

import numpy as np

from auscult.traces.records import Manifest, Trace
from auscult.weights import Array


def list_draws(trace: Trace) -> list[str]:
    """Keys of the draws of a run, in their order."""
    by_key = {record.key: record for record in trace.records}
    return [key for key in trace.manifest.noise if key in by_key]


def fit_noise(base: Trace, longer: Trace) -> Trace | None:
    """The draws of `longer` with those of `base` in their first part, as a trace to draw from.

    None where the two runs do not draw in the same order, or a draw of the longer one is smaller.
    """
    base_records = {record.key: record for record in base.records if record.role == "noise"}
    longer_records = {record.key: record for record in longer.records if record.role == "noise"}
    base_keys, longer_keys = list_draws(base), list_draws(longer)
    if len(base_keys) != len(longer_keys):
        return None
    arrays: dict[str, Array] = {}
    for base_key, longer_key in zip(base_keys, longer_keys, strict=True):
        drawn = np.array(longer.tensor(longer_records[longer_key]))
        given = base.tensor(base_records[base_key])
        if drawn.ndim != given.ndim or any(
            length < least for length, least in zip(drawn.shape, given.shape, strict=True)
        ):
            return None
        drawn[tuple(slice(0, length) for length in given.shape)] = given
        arrays[longer_key] = drawn
    manifest = Manifest(longer.manifest.framework, noise=tuple(longer_keys))
    records = tuple(longer_records[key] for key in longer_keys)
    return Trace(manifest, records, arrays.__getitem__)
