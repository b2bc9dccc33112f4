"""Run one module alone on the other side's own inputs: the error that appears is the module's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from auscult.comparison.align.axes import Order, turned_back
from auscult.comparison.locate.places import Place
from auscult.comparison.measure.distance import Distance, between
from auscult.comparison.measure.floor import Floor
from auscult.comparison.measure.readings import Reading, Readings
from auscult.comparison.modules import Side
from auscult.errors import AuscultError
from auscult.runtime.runner import Runner
from auscult.weights import Array

MAX_CALLS = 64
"""Modules that are run alone."""


@dataclass(frozen=True, eq=False)
class Injection:
    """Feeds modules of the candidate with the reference's inputs.

    Attributes:
        local, whole: Floors of a single layer on exact inputs, and of the whole run, which holds for a module of several.
    """

    runner: Runner
    ref: Side
    cand: Side
    orders: Mapping[int, Order]
    local: Floor
    whole: Floor

    def confirm(self, places: list[Place], readings: Readings) -> list[Place]:
        """Leave out outputs that are right on the reference's exact inputs, and add those of layers that were fed wrong.

        Replacing outputs does not reach what the code between the modules computes: a step of a schedule may be off by one
        rounding, which a layer behind it magnifies. And a layer that takes something wrong may be wrong itself.
        """
        kept, calls = [], 0
        for place in places:
            inexact = place.reading.is_output and any(
                r.error > 0 for r in self._inputs(readings, place.reading)
            )
            if inexact and calls < MAX_CALLS:
                calls += 1
                own = self.own(place.reading)
                if own is not None and not own.differs:
                    continue
            kept.append(place)
        fed_wrong = [
            reading
            for reading in readings.all
            if reading.role == "output"
            and reading.pair.a not in self.ref.children
            and any(r.differs for r in self._inputs(readings, reading))
        ]
        for reading in fed_wrong[: MAX_CALLS - calls]:
            own = self.own(reading)
            if own is not None and own.differs:
                kept.append(Place(own))
        return sorted(kept, key=lambda place: place.reading.order)

    @staticmethod
    def _inputs(readings: Readings, reading: Reading) -> tuple[Reading, ...]:
        return readings.inputs(reading.pair.a, reading.call)

    def own(self, reading: Reading) -> Reading | None:
        """The reading of the same output when the module is run alone; None where it cannot be."""
        if not reading.pair.is_single:
            return None
        a, b = self.ref.modules[reading.pair.a], self.cand.modules[reading.pair.b]
        wanted = a.by_key.get((reading.call, reading.role))
        theirs = {record.role: record for record in b.roles("input", reading.call_cand)}
        given: dict[str, Array] = {}
        for record in a.roles("input", reading.call):
            like = theirs.get(record.role)
            if like is None or record.stored != "full":
                return None
            given[like.role] = turned_back(self.ref.trace.tensor(record), like.shape, self.orders)
        if wanted is None or wanted.stored != "full" or not given:
            return None
        try:
            got = self.runner.call(reading.pair.b, given, call=reading.call_cand).get(
                reading.role_cand
            )
        except AuscultError:
            return None  # this module cannot be run alone: what the whole run showed stands
        if got is None:
            return None
        gap: Distance = between(self.ref.trace.tensor(wanted), got, self.orders)
        floor = self.whole if reading.pair.a in self.ref.children else self.local
        return replace(reading, distance=gap, floor=floor.at(wanted), limit=floor.limit(wanted))
