"""Where an error is born, and where it only passes through.

A tensor differs when its error is above the limit of the noise floor. An output that differs while all inputs agree is born in
that module; an input that differs while all that its parent knew before agrees is born in the parent's code. In a run of the
candidate by itself this tells the first fault, and others only on branches of their own. In a run in which every layer was
replaced by the reference's (`auscult.comparison.locate.forced`) it tells all of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass

from auscult.comparison.measure.readings import Reading, Readings
from auscult.comparison.modules import Side, base_role
from auscult.traces.records import Record


@dataclass(frozen=True)
class Place:
    """A tensor at which an error is born.

    Attributes:
        parent: For an input, the module whose code hands it over; "" is the whole model.
        certain: False where an earlier fault of the same code may have left something wrong in a variable of its own.
    """

    reading: Reading
    parent: str = ""
    certain: bool = True

    @property
    def path(self) -> str:
        """The reference's module."""
        return self.reading.pair.a

    @property
    def key(self) -> str:
        """As a trace names it."""
        return f"{self.path}#{self.reading.call}:{self.reading.role}"


def locate(ref: Side, readings: Readings, *, forced: bool) -> list[Place]:
    """The places at which errors are born, in the reference's order of execution.

    Args:
        readings: Of the candidate's own run, or of a run with every layer replaced by the reference's.
        forced: Which of the two.
    """
    index = _Index(ref, readings)
    places: list[Place] = []
    tensors: set[str] = set()
    again: set[tuple[str, str]] = set()
    for reading in readings.all:
        if not reading.differs:
            continue
        place = (
            index.output(reading, forced=forced)
            if reading.is_output
            else index.input(reading, forced=forced)
        )
        if not reading.is_output:
            # One wrong tensor that several modules take is one fault, and so is one that a loop takes on from step to step.
            if reading.tensor in tensors or (forced and (reading.pair.a, reading.role) in again):
                place = None
            tensors.add(reading.tensor)
            again.add((reading.pair.a, reading.role))
        if place is not None:
            places.append(place)
    return places


class _Index:
    """What differs, by the module in whose call it lies."""

    def __init__(self, ref: Side, readings: Readings) -> None:
        self.ref, self.readings = ref, readings
        self.below: dict[str, list[int]] = defaultdict(list)
        """Orders of differing tensors anywhere below a module."""
        self.handed: dict[str, list[int]] = defaultdict(list)
        """Orders of differing inputs of a module's own children."""
        self.windows: dict[str, dict[int, tuple[int, int]]] = {}
        for reading in readings.all:
            if reading.differs:
                self._note(reading)

    def _note(self, reading: Reading) -> None:
        parent = self.parent(reading)
        if parent is not None and not reading.is_output:
            insort(self.handed[parent], reading.order)
        while parent is not None:
            insort(self.below[parent], reading.order)
            parent = self.ref.modules[parent].parent

    def parent(self, reading: Reading) -> str | None:
        """The module whose code makes the tensor: not one that only hands on what it was handed, as a Sequential does."""
        module = self.ref.modules[reading.pair.ref[0]]
        record = module.by_key.get((reading.call, reading.role))
        parent = module.parent
        while (
            parent and record is not None and not reading.is_output and self._takes(parent, record)
        ):
            parent = self.ref.modules[parent].parent
        return parent

    def _takes(self, path: str, record: Record) -> bool:
        tensor = record.same_as or record.key
        return any(
            base_role(r.role) == "input" and (r.same_as or r.key) == tensor
            for r in self.ref.modules[path].records
        )

    def output(self, reading: Reading, *, forced: bool) -> Place | None:
        """An output is born in its module if the module's inputs agree and nothing inside differs before."""
        path, call = reading.pair.a, reading.call
        inputs = self.readings.inputs(path, call)
        if any(other.differs for other in inputs):
            return None
        start, end = self.window(path, call)
        if forced:
            return Place(reading, certain=not _any(self.handed[path], start, end))
        if _any(self.below[path], start, end):
            return None
        parent = self.parent(reading)
        if (
            not inputs and parent is not None
        ):  # nobody recorded what came in: then nothing before it may differ
            first, _ = self.window(parent, self.call_around(parent, reading.order))
            if _any(self.below[parent], first, reading.order - 1):
                return None
        return Place(reading)

    def input(self, reading: Reading, *, forced: bool) -> Place | None:
        """An input is born in the parent's code if the parent's own inputs agree and nothing that it knew before differs."""
        parent = self.parent(reading)
        if parent is None:
            return None
        above = self.nearest_with_inputs(parent, reading.order)
        call = self.call_around(above, reading.order)
        if any(other.differs for other in self.readings.inputs(above, call)):
            return None
        start, _ = self.window(above, call)
        if forced:
            return Place(
                reading, parent, certain=not _any(self.handed[parent], start, reading.order - 1)
            )
        return None if _any(self.below[above], start, reading.order - 1) else Place(reading, parent)

    def nearest_with_inputs(self, path: str, order: int) -> str:
        """The module itself, or the nearest above it, of which it is known what came in; else the outermost."""
        above = self.ref.modules[path].parent
        while above is not None and not self.readings.inputs(path, self.call_around(path, order)):
            path, above = above, self.ref.modules[above].parent
        return path

    def window(self, path: str, call: int) -> tuple[int, int]:
        """Orders of the first and the last record of a call."""
        if path not in self.windows:
            found: dict[int, tuple[int, int]] = {}
            for record in self.ref.modules[path].records:
                first, last = found.get(record.call, (record.order, record.order))
                found[record.call] = (min(first, record.order), max(last, record.order))
            self.windows[path] = found
        whole = (0, max((reading.order for reading in self.readings.all), default=0))
        return whole if not path else self.windows[path].get(call, whole)

    def call_around(self, path: str, order: int) -> int:
        """Which call of a module a record lies in."""
        self.window(path, 0)
        return next(
            (call for call, (start, end) in self.windows[path].items() if start <= order <= end), 0
        )


def _any(orders: list[int], start: int, end: int) -> bool:
    """Whether one of the sorted orders lies in start..end."""
    return bisect_left(orders, start) < bisect_right(orders, end)
