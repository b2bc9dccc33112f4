"""The first module whose output differs between two runs although what it took agrees."""

from __future__ import annotations

from collections.abc import Callable

from auscult.properties.change import crop_to, measure_change
from auscult.properties.records import BrokenPlace
from auscult.traces.records import Record, Trace
from auscult.weights import Array

Adapt = Callable[[Record, Array, Array], Array | None]
"""From a record of the reference, its tensor and the candidate's tensor: the part of the candidate's that should be equal; None
where nothing of it can be held against the reference."""


def crop_candidate(_record: Record, reference: Array, candidate: Array) -> Array | None:
    """The first part of the candidate's tensor: of a longer input, a larger batch."""
    return crop_to(candidate, reference.shape)


def find_broken_place(
    reference: Trace, candidate: Trace, limit: float, adapt: Adapt = crop_candidate
) -> BrokenPlace | None:
    """Where two runs of one model first differ; None where no record of both does.

    Records are looked at in the order of execution: where the first that differs is an output, its module takes
    inputs that agree.
    """
    candidate_records = {record.key: record for record in candidate.records}
    for record in reference.records:
        partner = candidate_records.get(record.key)
        if partner is None or not is_compared(record):
            continue
        array = reference.tensor(record)
        adapted = adapt(record, array, candidate.tensor(partner))
        if adapted is None:
            continue
        error = measure_change(array, adapted)
        if error > limit:
            return _describe_place(reference, record, error)
    return None


def is_compared(record: Record) -> bool:
    """Whether a record says something of what a module computed: what the whole model took is the user's."""
    is_given = record.path == "" and record.role.startswith("input")
    return not is_given and record.role != "noise" and record.stored == "full"


def _describe_place(trace: Trace, record: Record, error: float) -> BrokenPlace:
    if not record.role.startswith("input"):
        return BrokenPlace(record.path, record.type, "output", error=error)
    owner = find_caller(trace, record)
    return BrokenPlace(owner, find_kind(trace, owner), "input", record.path, error)


def find_caller(trace: Trace, record: Record) -> str:
    """The innermost module with other modules inside that holds the one of the record."""
    parent = record.path.rpartition(".")[0]
    paths = {other_record.path for other_record in trace.records}
    while parent and parent not in paths:
        parent = parent.rpartition(".")[0]
    return parent


def find_kind(trace: Trace, path: str) -> str:
    """Class of the module of that path."""
    return next((record.type for record in trace.records if record.path == path), "")
