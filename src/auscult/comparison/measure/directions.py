"""Which records to compare where one side's recurrent layer runs both ways and the other's modules run one way each.

In: two traces and such a pair (`join` "directions"). Out: pairs of records: what goes in, and what is handed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from auscult.comparison.align.axes import AxisOrder
from auscult.comparison.align.directions import find_handed_on, is_bidirectional
from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.measure.distance import measure_distance
from auscult.comparison.modules import ModuleTree
from auscult.traces.records import Record


@dataclass(frozen=True)
class DirectionRecords:
    """One tensor on both sides.

    Attributes:
        call: Of the layer that runs both ways.
        role: "input" or "output" of that layer.
    """

    reference: Record
    candidate: Record
    call: int
    role: str


@dataclass(frozen=True, eq=False)
class DirectionMatcher:
    """Finds these records.

    Attributes:
        partners: The first and the last modules of all pairs, reference path and candidate path.
    """

    reference: ModuleTree
    candidate: ModuleTree
    orders: Mapping[int, AxisOrder]
    partners: tuple[tuple[str, str], ...]

    def iter_records(self, pair: LayerPair) -> Iterator[DirectionRecords]:
        """Of each call of the layer that runs both ways; calls whose output no paired module takes are left out."""
        if is_bidirectional(self.reference, pair.a):
            whole = self.reference.modules[pair.a]
        else:
            whole = self.candidate.modules[pair.b]
        for call in range(whole.calls):
            output = whole.output(call)
            if output is None:
                continue
            handed_on = self.find_handed_on(pair, output)
            if handed_on is None:
                continue
            own_output = whole.by_key.get((call, "own"), output)
            yield self._order_sides(pair, own_output, handed_on, "output")
            taken = whole.by_key.get((call, "input"))
            nearest = taken and self._find_nearest_input(pair, taken)
            if taken is not None and nearest is not None:
                yield self._order_sides(pair, taken, nearest, "input")

    def find_handed_on(self, pair: LayerPair, output: Record) -> Record | None:
        """What stands on the one-way modules' side where this output of the other side's layer is used."""
        if is_bidirectional(self.reference, pair.a):
            return find_handed_on(self.reference, self.candidate, output, self.partners)
        reversed_partners = [(b, a) for a, b in self.partners]
        return find_handed_on(self.candidate, self.reference, output, reversed_partners)

    def _order_sides(
        self, pair: LayerPair, of_whole: Record, of_parts: Record, role: str
    ) -> DirectionRecords:
        if is_bidirectional(self.reference, pair.a):
            return DirectionRecords(of_whole, of_parts, of_whole.call, role)
        return DirectionRecords(of_parts, of_whole, of_whole.call, role)

    def _find_nearest_input(self, pair: LayerPair, taken: Record) -> Record | None:
        """The input of the one-way modules, of any call, that is nearest: the others take flipped frames, or a layer's output."""
        is_forward = is_bidirectional(self.reference, pair.a)
        side, paths = self.reference, pair.reference
        if is_forward:
            side, paths = self.candidate, pair.candidate
        records = [
            record
            for path in paths
            if path in side.modules
            for record in side.modules[path].records
            if record.role == "input"
        ]

        def measure_error(record: Record) -> float:
            a, b = (taken, record) if is_forward else (record, taken)
            return measure_distance(
                self.reference.trace, a, self.candidate.trace, b, self.orders
            ).error

        return min(records, key=measure_error, default=None)


def list_partners(pairs: Iterable[LayerPair]) -> tuple[tuple[str, str], ...]:
    """The modules whose inputs, and those whose outputs, are one thing: reference path and candidate path."""
    usual_pairs = [pair for pair in pairs if pair.join == "last"]
    return tuple((pair.reference[0], pair.candidate[0]) for pair in usual_pairs)
