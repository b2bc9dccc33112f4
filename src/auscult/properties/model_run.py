"""One run of a whole model: what it gave, and how far another run is from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from auscult.properties.change import measure_change
from auscult.traces.records import Manifest, Trace
from auscult.weights import Array

LOSS_ROLE = re.compile(r"loss[^.]*$")


@dataclass(frozen=True, eq=False)
class ModelRun:
    """One run of the whole model.

    Attributes:
        outputs: By role.
        trace: Everything that was recorded; `NOT_RECORDED` where nothing was.
    """

    outputs: Mapping[str, Array]
    trace: Trace


NO_ARRAYS: dict[str, Array] = {}
NOT_RECORDED = Trace(Manifest("none"), (), NO_ARRAYS.__getitem__)


def collect_outputs(trace: Trace) -> dict[str, Array]:
    """What the whole model gave in a recorded run, by role."""
    return {
        record.role: trace.tensor(record)
        for record in trace.records
        if record.path == "" and record.role.startswith("output")
    }


def select_results(outputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs without losses, which are means over the batch."""
    return {role: array for role, array in outputs.items() if not LOSS_ROLE.search(role)}


def measure_first_part(reference: Array, candidate: Array | None) -> float:
    """The change of the candidate's first part against the reference; infinite where it is smaller or missing."""
    if candidate is None or candidate.ndim != reference.ndim:
        return float("inf")
    return measure_change(
        reference, candidate[tuple(slice(0, length) for length in reference.shape)]
    )
