"""The call in whose code a tensor was made: from a trace and a record, what that call took and what
its children took and gave.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from auscult.traces.records import Record, Trace


@dataclass(frozen=True)
class CallScope:
    """The call in whose code the place lies.

    Attributes:
        inputs: What that call took.
        before: What its children took and gave before the place, oldest first.
        records: The same for the whole call.
    """

    path: str
    call: int
    inputs: tuple[Record, ...]
    before: tuple[Record, ...]
    records: tuple[Record, ...]

    def list_child_paths(self) -> list[str]:
        """Paths of what the call called, those that ran before the place first."""
        paths = dict.fromkeys(record.path for record in (*self.before, *self.records))
        return [path for path in paths if path != self.path]


def find_call_scope(trace: Trace, place_record: Record, made_in: str | None = None) -> CallScope:
    """The call of the module whose code gives, or hands over, the tensor of this record.

    Args:
        made_in: Path of that module, where the other side shows it: a module that only hands on a tensor here may make another
            of it there.
    """
    called_paths = {record.path for record in trace.records if record.role.startswith("output")}
    if made_in is not None:
        path = made_in
    elif place_record.role.startswith("output"):
        path = place_record.path
    else:
        path = _find_handing_module(trace, place_record, called_paths)
    windows = find_call_windows(trace, path)
    call = next(
        (number for number, (start, end) in windows.items() if start <= place_record.order <= end),
        0,
    )
    start, end = windows.get(call, (0, len(trace.records)))
    scope_records = tuple(
        record
        for record in trace.records
        if start <= record.order <= end
        and record.path != path
        and _find_called_parent(record.path, called_paths) == path
        and record.role != "noise"
    )
    inputs = tuple(
        record
        for record in trace.records
        if (record.path, record.call) == (path, call) and record.role.startswith("input")
    )
    tensor_key = place_record.same_as or place_record.key
    before = tuple(
        record
        for record in scope_records
        if record.order < place_record.order and (record.same_as or record.key) != tensor_key
    )
    return CallScope(path, call, inputs, before, scope_records)


def _find_handing_module(trace: Trace, place_record: Record, called_paths: Iterable[str]) -> str:
    """The module whose code made what reaches a place: not one that only hands on what it was
    handed, as a Sequential does.
    """
    tensor_key = place_record.same_as or place_record.key
    takers = {
        r.path
        for r in trace.records
        if r.role.startswith("input") and (r.same_as or r.key) == tensor_key
    }
    path = _find_called_parent(place_record.path, called_paths)
    while path and path in takers:
        path = _find_called_parent(path, called_paths)
    return path


def find_call_windows(trace: Trace, path: str) -> dict[int, tuple[int, int]]:
    """Per call of a module, the order of its first and of its last record."""
    windows: dict[int, tuple[int, int]] = {}
    for record in trace.records:
        if record.path == path and record.role != "noise":
            first, last = windows.get(record.call, (record.order, record.order))
            windows[record.call] = (min(first, record.order), max(last, record.order))
    return windows


def _find_called_parent(path: str, called_paths: Iterable[str]) -> str:
    """The nearest module above that was called."""
    while path:
        path = path.rpartition(".")[0]
        if path in called_paths:
            return path
    return ""
