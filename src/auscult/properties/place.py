"""The first module whose output differs between two runs although what it took agrees."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from auscult.properties.change import crop_to, measure_change
from auscult.properties.records import BrokenPlace
from auscult.traces.records import Record, Trace
from auscult.weights import Array

Adapt = Callable[[Array, Array], Array | None]
"""From a reference's tensor and the candidate's: the part of the candidate's that should be equal; None where nothing of it can
be held against the reference."""


def crop_candidate(reference: Array, candidate: Array) -> Array | None:
    """The first part of the candidate's tensor: of a longer input, a larger batch."""
    return crop_to(candidate, reference.shape)


def find_broken_place(
    reference: Trace, candidate: Trace, limit: float, adapt: Adapt = crop_candidate
) -> BrokenPlace | None:
    """Where two runs of one model first differ; None where no record of both does.

    Records are looked at in the order of execution: where the first that differs is an output, its module takes
    inputs that agree. What differs inside a module whose output agrees is its own affair (a table of positions for
    another length), and so is what a module takes whose output agrees.
    """
    errors = measure_records(reference, candidate, adapt)
    consumers = _Consumers(reference, errors, limit)
    for record in reference.records:
        if errors.get(record.key, 0.0) > limit and not consumers.is_harmless(record):
            return describe_place(reference, record, errors[record.key])
    return None


def measure_records(reference: Trace, candidate: Trace, adapt: Adapt) -> dict[str, float]:
    """The change of every record that both runs have and that can be held against each other."""
    candidate_records = {record.key: record for record in candidate.records}
    errors: dict[str, float] = {}
    for record in reference.records:
        partner = candidate_records.get(record.key)
        if partner is None or not is_compared(record):
            continue
        array = reference.tensor(record)
        adapted = adapt(array, candidate.tensor(partner))
        if adapted is not None:
            errors[record.key] = measure_change(array, adapted)
    return errors


def is_compared(record: Record) -> bool:
    """Whether a record says something of what a module computed: what the whole model took is the user's."""
    is_given = record.path == "" and record.role.startswith("input")
    return not is_given and record.role != "noise" and record.stored == "full"


class _Consumers:
    """Who takes what in a run, and whether it minds that it differs."""

    def __init__(self, trace: Trace, errors: Mapping[str, float], limit: float) -> None:
        self._errors, self._limit = errors, limit
        self._takers: dict[str, list[Record]] = {}
        self._outputs: dict[tuple[str, int], list[Record]] = {}
        for record in trace.records:
            if record.role.startswith("input"):
                self._takers.setdefault(record.same_as or record.key, []).append(record)
            elif record.role.startswith("output") and record.path:
                self._outputs.setdefault((record.path, record.call), []).append(record)
        self._agreeing = self._find_agreeing_modules()

    def _find_agreeing_modules(self) -> dict[str, int]:
        """Modules whose outputs agree in every call, with the position of the last of these."""
        last: dict[str, int] = {}
        differing = set()
        for (path, _), outputs in self._outputs.items():
            for record in outputs:
                last[path] = max(last.get(path, 0), record.order)
                if self._errors.get(record.key, float("inf")) > self._limit:
                    differing.add(path)
        return {path: order for path, order in last.items() if path not in differing}

    def is_harmless(self, record: Record, seen: frozenset[str] = frozenset()) -> bool:
        """Whether what differs is inside a module whose output agrees, or ends in one, through however many modules."""
        if record.key in seen:
            return False
        if any(
            record.path.startswith(f"{path}.") and record.order < position
            for path, position in self._agreeing.items()
        ):
            return True
        seen = seen | {record.key}
        if record.role.startswith("input"):
            return self._is_taken_lightly(record, seen)
        return any(
            self._is_taken_lightly(taker, seen)
            for taker in self._takers.get(record.same_as or record.key, ())
        )

    def _is_taken_lightly(self, record: Record, seen: frozenset[str]) -> bool:
        """Whether all that the module that takes it gives agrees, or is harmless itself."""
        if record.path in self._agreeing:
            return True
        outputs = self._outputs.get((record.path, record.call), [])
        differing = [
            output for output in outputs if self._errors.get(output.key, float("inf")) > self._limit
        ]
        return bool(differing) and all(self.is_harmless(output, seen) for output in differing)


def describe_place(trace: Trace, record: Record, error: float) -> BrokenPlace:
    """The module at fault for a record: its own for an output, the one whose code hands it over for an input."""
    if not record.role.startswith("input"):
        return BrokenPlace(record.path, record.type, "output", error=error)
    owner = find_caller(trace, record)
    return BrokenPlace(owner, find_kind(trace, owner), "input", record.path, error)


def find_caller(trace: Trace, record: Record) -> str:
    """The innermost module with other modules inside that holds the one of the record."""
    parent = record.path.rpartition(".")[0]
    paths = {recorded.path for recorded in trace.records}
    while parent and parent not in paths:
        parent = parent.rpartition(".")[0]
    return parent


def find_kind(trace: Trace, path: str) -> str:
    """Class of the module of that path."""
    return next((record.type for record in trace.records if record.path == path), "")
