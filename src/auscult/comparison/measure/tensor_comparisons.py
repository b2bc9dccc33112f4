"""Every tensor that both sides have, compared: what goes into the aligned layers and what comes
out.

In: the modules of two traces, their alignment and the noise floor. Out: one `TensorComparison` per
tensor and call, with its relative error and the limit above which it differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from auscult.comparison.align.axes import AxisOrder
from auscult.comparison.align.boundaries import concatenate_parts
from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.measure.directions import DirectionMatcher, list_partners
from auscult.comparison.measure.distance import (
    INFINITE_ERROR,
    RecordDistance,
    measure_array_distance,
    measure_distance,
)
from auscult.comparison.measure.floor import NoiseFloor
from auscult.comparison.measure.record_pairs import InputMatcher, RecordPair, iter_output_pairs
from auscult.comparison.modules import ModuleTree, TracedModule, get_base_role, match_calls
from auscult.traces.records import Record
from auscult.weights import Array


@dataclass(frozen=True)
class TensorComparison:
    """One tensor of one call of one pair.

    Attributes:
        role: The reference's: `output`, `output.1`, `input`, `input.mask`.
        candidate_role: The candidate's name of it.
        candidate_call: The candidate's call, where it makes the same calls in another order.
        order: The reference's record's position in its run.
        floor: Relative error that rounding alone gives there.
        limit: Relative error above which the tensor differs.
        tensor: Key under which the candidate's trace holds the tensor: the same for one tensor that
            appears twice.
    """

    pair: LayerPair
    call: int
    role: str
    candidate_role: str
    order: int
    distance: RecordDistance
    floor: float
    limit: float
    tensor: str
    candidate_call: int

    @property
    def error(self) -> float:
        return self.distance.error

    @property
    def error_in_limits(self) -> float:
        """The error as a multiple of its limit; the error itself where the limit is 0."""
        if self.limit:
            return self.error / self.limit
        return self.error

    @property
    def differs(self) -> bool:
        return not self.error <= self.limit

    @property
    def is_output(self) -> bool:
        return get_base_role(self.role) == "output"


@dataclass(frozen=True, eq=False)
class TensorComparisons:
    """All comparisons in the reference's order of execution, and by place."""

    all: tuple[TensorComparison, ...]
    by_place: Mapping[tuple[str, int], tuple[TensorComparison, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, comparisons: list[TensorComparison]) -> TensorComparisons:
        comparisons.sort(key=lambda comparison: comparison.order)
        grouped: dict[tuple[str, int], list[TensorComparison]] = {}
        for comparison in comparisons:
            grouped.setdefault((comparison.pair.a, comparison.call), []).append(comparison)
        return cls(tuple(comparisons), {place: tuple(group) for place, group in grouped.items()})

    def inputs(self, path: str, call: int) -> tuple[TensorComparison, ...]:
        return tuple(
            comparison
            for comparison in self.by_place.get((path, call), ())
            if not comparison.is_output
        )

    def outputs(self, path: str, call: int) -> tuple[TensorComparison, ...]:
        return tuple(
            comparison for comparison in self.by_place.get((path, call), ()) if comparison.is_output
        )

    def worst_output(self, path: str) -> TensorComparison | None:
        """The output of any call with the largest error in units of its limit."""
        calls = [call for name, call in self.by_place if name == path]
        outputs = chain.from_iterable(self.outputs(path, call) for call in calls)
        return max(outputs, key=lambda comparison: comparison.error_in_limits, default=None)


def compare_tensors(
    reference: ModuleTree,
    candidate: ModuleTree,
    alignment: LayerAlignment,
    floor: NoiseFloor,
    *,
    own_outputs: bool = False,
) -> TensorComparisons:
    """Compare every tensor of the aligned layers with the other side's.

    Args:
        own_outputs: Take what the candidate's modules themselves computed where their outputs were
            replaced (role `own`).
    """
    comparer = _TensorComparer(reference, candidate, alignment.orders, floor, own_outputs)
    partners = list_partners(alignment.pairs)
    matcher = DirectionMatcher(reference, candidate, alignment.orders, partners)
    comparisons = []
    for pair in alignment.pairs:
        if pair.join == "directions":
            comparisons += comparer.compare_directions(pair, matcher)
        elif pair.b in candidate.modules:
            comparisons += comparer.compare_pair(pair)
    return TensorComparisons.of(comparisons)


@dataclass(frozen=True, eq=False)
class _TensorComparer:
    """Compares the tensors of one pair of layers after the other; a tensor that appears at several
    places is measured once.
    """

    reference: ModuleTree
    candidate: ModuleTree
    orders: Mapping[int, AxisOrder]
    floor: NoiseFloor
    own_outputs: bool
    distance_by_keys: dict[tuple[str, str], RecordDistance] = field(default_factory=dict)

    def compare_pair(self, pair: LayerPair) -> list[TensorComparison]:
        a, b = self.reference.modules[pair.a], self.candidate.modules[pair.b]
        comparisons = []
        for calls in match_calls(a, b):
            call_comparisons = [
                self._compare_records(pair, reference_record, candidate_record)
                for reference_record, candidate_record in self._iter_record_pairs(pair, calls)
            ]
            if pair.a not in self.reference.children:
                call_comparisons = _drop_incomparable_inputs(call_comparisons, a, b)
            comparisons += call_comparisons
        return comparisons

    def compare_directions(
        self, pair: LayerPair, matcher: DirectionMatcher
    ) -> list[TensorComparison]:
        """What a layer of two directions takes and gives against what the code around one-way modules takes and hands on."""
        if pair.b not in self.candidate.modules:
            return []
        return [
            replace(
                self._compare_records(pair, records.reference, records.candidate),
                role=records.role,
                call=records.call,
            )
            for records in matcher.iter_records(pair)
        ]

    def _iter_record_pairs(self, pair: LayerPair, calls: tuple[int, int]) -> Iterator[RecordPair]:
        a, b = self.reference.modules[pair.a], self.candidate.modules[pair.b]
        yield from iter_output_pairs(a, b, calls, own_outputs=self.own_outputs)
        # A module of several against one operation that ends it: that operation takes something else.
        is_same_level = (pair.reference[0] in self.reference.children) == (
            pair.candidate[0] in self.candidate.children
        )
        if is_same_level or pair.by == "root":
            matcher = InputMatcher(self.reference, self.candidate, self.orders)
            yield from matcher.iter_input_pairs(pair, calls)

    def _compare_records(
        self, pair: LayerPair, reference_record: Record, candidate_record: Record
    ) -> TensorComparison:
        if pair.join == "concat" and get_base_role(reference_record.role) == "output":
            distance = self._measure_joined_distance(pair, reference_record.call)
        else:
            distance = self._measure_once(reference_record, candidate_record)
        return TensorComparison(
            pair,
            reference_record.call,
            reference_record.role,
            candidate_record.role.replace("own", "output", 1),
            reference_record.order,
            distance,
            self.floor.at(reference_record),
            self.floor.limit(reference_record),
            candidate_record.same_as or candidate_record.key,
            candidate_record.call,
        )

    def _measure_once(self, reference_record: Record, candidate_record: Record) -> RecordDistance:
        keys = (
            reference_record.same_as or reference_record.key,
            candidate_record.same_as or candidate_record.key,
        )
        if keys not in self.distance_by_keys:
            self.distance_by_keys[keys] = measure_distance(
                self.reference.trace,
                reference_record,
                self.candidate.trace,
                candidate_record,
                self.orders,
            )
        return self.distance_by_keys[keys]

    def _measure_joined_distance(self, pair: LayerPair, call: int) -> RecordDistance:
        """The distance of the outputs of several modules, put together, from the one output of the
        other side.
        """
        reference_arrays = _read_outputs(self.reference, pair.reference, call)
        candidate_arrays = _read_outputs(self.candidate, pair.candidate, call)
        if reference_arrays is None or candidate_arrays is None:
            reason = "is not recorded in full, so that its parts cannot be put together"
            return RecordDistance(INFINITE_ERROR, "values", reason)
        if len(reference_arrays) > 1:
            joined_arrays = concatenate_parts(reference_arrays, candidate_arrays[0], self.orders)
        else:
            joined_arrays = concatenate_parts(candidate_arrays, reference_arrays[0], self.orders)
        if joined_arrays is None:
            reason = "its parts do not add up to the other side's output"
            return RecordDistance(INFINITE_ERROR, "values", reason)
        parts, whole = joined_arrays
        if len(reference_arrays) > 1:
            return measure_array_distance(parts, whole, {})
        return measure_array_distance(whole, parts, {})


def _read_outputs(side: ModuleTree, paths: Iterable[str], call: int) -> list[Array] | None:
    """The outputs of these modules; None where one is not recorded in full."""
    arrays = []
    for path in paths:
        record = side.modules[path].output(call)
        if record is None or record.stored != "full":
            return None
        arrays.append(side.trace.tensor(record))
    return arrays


def _drop_incomparable_inputs(
    comparisons: list[TensorComparison], a: TracedModule, b: TracedModule
) -> list[TensorComparison]:
    """Of a layer that gives the same, without inputs in another form: the first of several
    operations may take anything.

    A flat graph's operation and a module take one thing at different points; where both are one
    thing, its inputs count.
    """
    outputs = [comparison for comparison in comparisons if comparison.is_output]
    if not outputs or any(comparison.differs for comparison in outputs):
        return comparisons
    is_same_layer = outputs[0].pair.is_single and a.type.lower() == b.type.lower()
    return [
        r
        for r in comparisons
        if r.is_output or (is_same_layer and not r.distance.reason.startswith("shape"))
    ]
