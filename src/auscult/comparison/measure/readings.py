"""Every tensor that both sides have, held against the other: what goes into the aligned layers and what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from auscult.comparison.align.axes import Order
from auscult.comparison.align.boundaries import concatenated, near
from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.measure.distance import INFINITE, Distance, between, distance
from auscult.comparison.measure.floor import Floor
from auscult.comparison.modules import Side, Traced, base_role, partner_calls
from auscult.traces.records import IN_ORDER_OF_USE, Record
from auscult.traces.sketch import canonical_shape


@dataclass(frozen=True)
class Reading:
    """One tensor of one call of one pair.

    Attributes:
        role: The reference's: `output`, `output.1`, `input`, `input.mask`.
        role_cand: The candidate's name of it.
        call_cand: The candidate's call, where it makes the same calls in another order.
        order: The reference's record's position in its run.
        floor: Relative error that rounding alone gives there.
        limit: Relative error above which the tensor differs.
        tensor: Key under which the candidate's trace holds the tensor: the same for one tensor that appears twice.
    """

    pair: LayerPair
    call: int
    role: str
    role_cand: str
    order: int
    distance: Distance
    floor: float
    limit: float
    tensor: str
    call_cand: int

    @property
    def error(self) -> float:
        return self.distance.error

    @property
    def differs(self) -> bool:
        return not self.error <= self.limit

    @property
    def is_output(self) -> bool:
        return base_role(self.role) == "output"


@dataclass(frozen=True, eq=False)
class Readings:
    """All readings in the reference's order of execution, and by place."""

    all: tuple[Reading, ...]
    by_place: Mapping[tuple[str, int], tuple[Reading, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, found: list[Reading]) -> Readings:
        found.sort(key=lambda reading: reading.order)
        grouped: dict[tuple[str, int], list[Reading]] = {}
        for reading in found:
            grouped.setdefault((reading.pair.a, reading.call), []).append(reading)
        return cls(tuple(found), {place: tuple(group) for place, group in grouped.items()})

    def inputs(self, path: str, call: int) -> tuple[Reading, ...]:
        return tuple(
            reading for reading in self.by_place.get((path, call), ()) if not reading.is_output
        )

    def outputs(self, path: str, call: int) -> tuple[Reading, ...]:
        return tuple(
            reading for reading in self.by_place.get((path, call), ()) if reading.is_output
        )

    def worst_output(self, path: str) -> Reading | None:
        """The output of any call with the largest error in units of its limit."""
        found = [
            reading
            for (name, _), group in self.by_place.items()
            if name == path
            for reading in group
            if reading.is_output
        ]
        return max(
            found,
            key=lambda reading: reading.error / reading.limit if reading.limit else reading.error,
            default=None,
        )


def read(
    ref: Side, cand: Side, alignment: LayerAlignment, floor: Floor, *, own: bool = False
) -> Readings:
    """Hold every tensor of the aligned layers against the other side's.

    Args:
        own: Take what the candidate's modules gave themselves where they were replaced (role `own`).
    """
    known: dict[tuple[str, str], Distance] = {}
    found = []
    for pair in alignment.pairs:
        a, b = ref.modules[pair.a], cand.modules.get(pair.b)
        if b is None:
            continue
        # A module of several against one operation that ends it: that operation takes something else.
        both = (pair.ref[0] in ref.children) == (pair.cand[0] in cand.children) or pair.by == "root"
        for call, theirs in partner_calls(a, b):
            here = []
            inputs = _inputs(ref, cand, pair, (call, theirs), alignment.orders) if both else ()
            for one, two in (*_outputs(a, b, call, theirs, own=own), *inputs):
                if pair.join == "concat" and base_role(one.role) == "output":
                    gap = _concatenated(ref, cand, pair, call, alignment.orders)
                else:
                    names = (one.same_as or one.key, two.same_as or two.key)
                    gap = known.get(names) or distance(
                        ref.trace, one, cand.trace, two, alignment.orders
                    )
                    known[names] = gap
                here.append(_reading(pair, one, two, gap, floor))
            found += _comparable(here, a, b) if pair.a not in ref.children else here
    return Readings.of(found)


def _comparable(here: list[Reading], a: Traced, b: Traced) -> list[Reading]:
    """Of a layer that gives the same, without inputs in another form: the first of several operations may take anything.

    A flat graph's operation and a module take one thing at different points; where both are one thing, its inputs count.
    """
    outputs = [reading for reading in here if reading.is_output]
    if not outputs or any(reading.differs for reading in outputs):
        return here
    alike = outputs[0].pair.is_single and a.type.lower() == b.type.lower()
    return [r for r in here if r.is_output or (alike and not r.distance.reason.startswith("shape"))]


def _reading(pair: LayerPair, one: Record, two: Record, gap: Distance, floor: Floor) -> Reading:
    role = two.role.replace("own", "output", 1)
    key = two.same_as or two.key
    return Reading(
        pair,
        one.call,
        one.role,
        role,
        one.order,
        gap,
        floor.at(one),
        floor.limit(one),
        key,
        two.call,
    )


def _outputs(
    a: Traced, b: Traced, call: int, call_cand: int, *, own: bool
) -> Iterator[tuple[Record, Record]]:
    """Outputs of one role; beyond the first, only those whose shapes fit, since frameworks pack states in their own ways."""
    theirs = {record.role: record for record in b.roles("output", call_cand)}
    if own:
        theirs |= {
            record.role.replace("own", "output", 1): record for record in b.roles("own", call_cand)
        }
    for one in a.roles("output", call):
        two = theirs.get(one.role)
        if two is not None and (
            one.role == "output" or canonical_shape(one.shape) == canonical_shape(two.shape)
        ):
            yield one, two


def _inputs(
    ref: Side, cand: Side, pair: LayerPair, calls: tuple[int, int], orders: Mapping[int, Order]
) -> Iterator[tuple[Record, Record]]:
    """Inputs of the first modules of a pair, by role; what is left by shape, in turn.

    Where roles say nothing, those of one shape that are near each other first.
    """
    call, call_cand = calls
    left = list(cand.modules[pair.cand[0]].roles("input", call_cand))
    mine = []
    told = IN_ORDER_OF_USE not in cand.trace.manifest.notes
    for one in ref.modules[pair.ref[0]].roles("input", call):
        if told:
            two = next((record for record in left if record.role == one.role), None)
            fits = two is not None and (
                one.role == "input" or canonical_shape(one.shape) == canonical_shape(two.shape)
            )
        else:
            two = next(
                (r for r in left if near(ref.trace, one, cand.trace, r, orders) is not None), None
            )
            fits = two is not None
        if two is not None and fits:
            left.remove(two)
            yield one, two
        else:
            mine.append(one)
    for one in mine:
        two = next(
            (
                record
                for record in left
                if canonical_shape(record.shape) == canonical_shape(one.shape)
            ),
            None,
        )
        if two is not None:
            left.remove(two)
            yield one, two


def _concatenated(
    ref: Side, cand: Side, pair: LayerPair, call: int, orders: Mapping[int, Order]
) -> Distance:
    sides = []
    for side, paths in ((ref, pair.ref), (cand, pair.cand)):
        records = [side.modules[path].output(call) for path in paths]
        if any(record is None or record.stored != "full" for record in records):
            return Distance(
                INFINITE,
                "values",
                "is not recorded in full, so that its parts cannot be put together",
            )
        sides.append([side.trace.tensor(record) for record in records if record is not None])
    many_first = len(sides[0]) > 1
    parts, whole = (sides[0], sides[1][0]) if many_first else (sides[1], sides[0][0])
    put = concatenated(parts, whole, orders)
    if put is None:
        return Distance(INFINITE, "values", "its parts do not add up to the other side's output")
    return between(*(put if many_first else put[::-1]), {})
