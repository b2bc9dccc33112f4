"""Every tensor that both sides have, held against the other: what goes into the aligned layers and
what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from auscult.comparison.align.axes import AxisOrder
from auscult.comparison.align.boundaries import concatenate_parts, measure_near_error
from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.measure.distance import (
    INFINITE_ERROR,
    RecordDistance,
    measure_array_distance,
    measure_distance,
)
from auscult.comparison.measure.floor import NoiseFloor
from auscult.comparison.modules import ModuleTree, TracedModule, get_base_role, match_calls
from auscult.traces.records import INPUTS_IN_USE_ORDER, Record
from auscult.traces.sketch import get_canonical_shape


@dataclass(frozen=True)
class TensorComparison:
    """One tensor of one call of one pair.

    Attributes:
        role: The reference's: `output`, `output.1`, `input`, `input.mask`.
        role_cand: The candidate's name of it.
        call_cand: The candidate's call, where it makes the same calls in another order.
        order: The reference's record's position in its run.
        floor: Relative error that rounding alone gives there.
        limit: Relative error above which the tensor differs.
        tensor: Key under which the candidate's trace holds the tensor: the same for one tensor that
            appears twice.
    """

    pair: LayerPair
    call: int
    role: str
    role_cand: str
    order: int
    distance: RecordDistance
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
        return get_base_role(self.role) == "output"


@dataclass(frozen=True, eq=False)
class TensorComparisons:
    """All readings in the reference's order of execution, and by place."""

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
        outputs = [
            comparison
            for (name, _), group in self.by_place.items()
            if name == path
            for comparison in group
            if comparison.is_output
        ]
        return max(
            outputs,
            key=lambda comparison: (
                comparison.error / comparison.limit if comparison.limit else comparison.error
            ),
            default=None,
        )


def compare_tensors(
    ref: ModuleTree,
    cand: ModuleTree,
    alignment: LayerAlignment,
    floor: NoiseFloor,
    *,
    own_outputs: bool = False,
) -> TensorComparisons:
    """Hold every tensor of the aligned layers against the other side's.

    Args:
        own: Take what the candidate's modules gave themselves where they were replaced (role
            `own`).
    """
    distance_by_keys: dict[tuple[str, str], RecordDistance] = {}
    comparisons = []
    for pair in alignment.pairs:
        a, b = ref.modules[pair.a], cand.modules.get(pair.b)
        if b is None:
            continue
        # A module of several against one operation that ends it: that operation takes something
        # else.
        is_same_level = (pair.ref[0] in ref.children) == (
            pair.cand[0] in cand.children
        ) or pair.by == "root"
        for call, call_cand in match_calls(a, b):
            pair_comparisons = []
            inputs = (
                _iter_input_pairs(ref, cand, pair, (call, call_cand), alignment.orders)
                if is_same_level
                else ()
            )
            for reference_record, candidate_record in (
                *_iter_output_pairs(a, b, call, call_cand, own_outputs=own_outputs),
                *inputs,
            ):
                if pair.join == "concat" and get_base_role(reference_record.role) == "output":
                    gap = _measure_joined_distance(ref, cand, pair, call, alignment.orders)
                else:
                    names = (
                        reference_record.same_as or reference_record.key,
                        candidate_record.same_as or candidate_record.key,
                    )
                    gap = distance_by_keys.get(names) or measure_distance(
                        ref.trace, reference_record, cand.trace, candidate_record, alignment.orders
                    )
                    distance_by_keys[names] = gap
                pair_comparisons.append(
                    _build_comparison(pair, reference_record, candidate_record, gap, floor)
                )
            comparisons += (
                _drop_incomparable_inputs(pair_comparisons, a, b)
                if pair.a not in ref.children
                else pair_comparisons
            )
    return TensorComparisons.of(comparisons)


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


def _build_comparison(
    pair: LayerPair,
    reference_record: Record,
    candidate_record: Record,
    gap: RecordDistance,
    floor: NoiseFloor,
) -> TensorComparison:
    role = candidate_record.role.replace("own", "output", 1)
    key = candidate_record.same_as or candidate_record.key
    return TensorComparison(
        pair,
        reference_record.call,
        reference_record.role,
        role,
        reference_record.order,
        gap,
        floor.at(reference_record),
        floor.limit(reference_record),
        key,
        candidate_record.call,
    )


def _iter_output_pairs(
    a: TracedModule, b: TracedModule, call: int, call_cand: int, *, own_outputs: bool
) -> Iterator[tuple[Record, Record]]:
    """Outputs of one role; beyond the first, only those whose shapes fit, since frameworks pack
    states in their own ways.
    """
    candidate_record_by_role = {record.role: record for record in b.roles("output", call_cand)}
    if own_outputs:
        candidate_record_by_role |= {
            record.role.replace("own", "output", 1): record for record in b.roles("own", call_cand)
        }
    for reference_record in a.roles("output", call):
        candidate_record = candidate_record_by_role.get(reference_record.role)
        if candidate_record is not None and (
            reference_record.role == "output"
            or get_canonical_shape(reference_record.shape)
            == get_canonical_shape(candidate_record.shape)
        ):
            yield reference_record, candidate_record


def _iter_input_pairs(
    ref: ModuleTree,
    cand: ModuleTree,
    pair: LayerPair,
    calls: tuple[int, int],
    orders: Mapping[int, AxisOrder],
) -> Iterator[tuple[Record, Record]]:
    """Inputs of the first modules of a pair, by role; what is left by shape, in turn.

    Where roles say nothing, those of one shape that are near each other first.
    """
    call, call_cand = calls
    remaining_records = list(cand.modules[pair.cand[0]].roles("input", call_cand))
    unmatched_records = []
    has_roles = INPUTS_IN_USE_ORDER not in cand.trace.manifest.notes
    for reference_record in ref.modules[pair.ref[0]].roles("input", call):
        if has_roles:
            candidate_record = next(
                (record for record in remaining_records if record.role == reference_record.role),
                None,
            )
            is_fitting = candidate_record is not None and (
                reference_record.role == "input"
                or get_canonical_shape(reference_record.shape)
                == get_canonical_shape(candidate_record.shape)
            )
        else:
            candidate_record = next(
                (
                    r
                    for r in remaining_records
                    if measure_near_error(ref.trace, reference_record, cand.trace, r, orders)
                    is not None
                ),
                None,
            )
            is_fitting = candidate_record is not None
        if candidate_record is not None and is_fitting:
            remaining_records.remove(candidate_record)
            yield reference_record, candidate_record
        else:
            unmatched_records.append(reference_record)
    for reference_record in unmatched_records:
        candidate_record = next(
            (
                record
                for record in remaining_records
                if get_canonical_shape(record.shape) == get_canonical_shape(reference_record.shape)
            ),
            None,
        )
        if candidate_record is not None:
            remaining_records.remove(candidate_record)
            yield reference_record, candidate_record


def _measure_joined_distance(
    ref: ModuleTree, cand: ModuleTree, pair: LayerPair, call: int, orders: Mapping[int, AxisOrder]
) -> RecordDistance:
    sides = []
    for side, paths in ((ref, pair.ref), (cand, pair.cand)):
        records = [side.modules[path].output(call) for path in paths]
        if any(record is None or record.stored != "full" for record in records):
            return RecordDistance(
                INFINITE_ERROR,
                "values",
                "is not recorded in full, so that its parts cannot be put together",
            )
        sides.append([side.trace.tensor(record) for record in records if record is not None])
    many_first = len(sides[0]) > 1
    parts, whole = (sides[0], sides[1][0]) if many_first else (sides[1], sides[0][0])
    joined_arrays = concatenate_parts(parts, whole, orders)
    if joined_arrays is None:
        return RecordDistance(
            INFINITE_ERROR, "values", "its parts do not add up to the other side's output"
        )
    return measure_array_distance(*(joined_arrays if many_first else joined_arrays[::-1]), {})
