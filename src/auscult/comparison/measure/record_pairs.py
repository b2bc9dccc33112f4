"""Which records of two aligned modules belong together: from two calls, pairs of their outputs and
of their inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from auscult.comparison.align.axes import AxisOrder
from auscult.comparison.align.boundaries import measure_near_error
from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.modules import ModuleTree, TracedModule
from auscult.traces.records import INPUTS_IN_USE_ORDER, Record
from auscult.traces.sketch import get_canonical_shape

RecordPair = tuple[Record, Record]


def iter_output_pairs(
    a: TracedModule, b: TracedModule, calls: tuple[int, int], *, own_outputs: bool
) -> Iterator[RecordPair]:
    """Outputs of the same role.

    Beyond the first, only those whose shapes fit, since frameworks pack states in their own ways.

    Args:
        calls: The reference's and the candidate's.
        own_outputs: Take what the candidate's module itself computed where its output was replaced.
    """
    call, candidate_call = calls
    candidate_record_by_role = {record.role: record for record in b.roles("output", candidate_call)}
    if own_outputs:
        candidate_record_by_role |= {
            record.role.replace("own", "output", 1): record
            for record in b.roles("own", candidate_call)
        }
    by_place = _match_by_place(a.roles("output", call), candidate_record_by_role)
    for reference_record in a.roles("output", call):
        candidate_record = by_place.get(reference_record.role)
        if candidate_record is None:
            continue
        # What the whole model gives is compared whatever its length: a frame too few is a fault.
        is_whole = not a.path and len(reference_record.shape) == len(candidate_record.shape)
        if (
            reference_record.role == "output"
            or candidate_record.role == "output"
            or is_whole
            or _has_same_shape(reference_record, candidate_record)
        ):
            yield reference_record, candidate_record


def _match_by_place(
    reference_records: tuple[Record, ...], candidate_record_by_role: Mapping[str, Record]
) -> Mapping[str, Record]:
    """The candidate's records by the reference's roles; in their order where the two sides name them differently, as a
    dataclass (`output.logits`) and a tuple (`output`) do, and give as many of the same lengths.
    """
    roles = [record.role for record in reference_records]
    if not roles or set(roles) & set(candidate_record_by_role):
        return candidate_record_by_role
    candidate_records = list(candidate_record_by_role.values())
    pairs = list(zip(reference_records, candidate_records, strict=False))
    if not pairs or not _has_same_shape(*pairs[0]):
        return candidate_record_by_role
    return {a.role: b for a, b in pairs if _has_same_shape(a, b)}


@dataclass(frozen=True, eq=False)
class InputMatcher:
    """Finds which input of the candidate's module is which of the reference's."""

    reference: ModuleTree
    candidate: ModuleTree
    orders: Mapping[int, AxisOrder]

    def iter_input_pairs(self, pair: LayerPair, calls: tuple[int, int]) -> Iterator[RecordPair]:
        """Inputs of the first modules of a pair, by role; what is left by shape, in turn.

        Where the candidate's roles say nothing, inputs with nearly the same values come first.
        """
        call, candidate_call = calls
        remaining_records = list(
            self.candidate.modules[pair.candidate[0]].roles("input", candidate_call)
        )
        unmatched_records = []
        for reference_record in self.reference.modules[pair.reference[0]].roles("input", call):
            candidate_record = self._find_input(reference_record, remaining_records)
            if candidate_record is None:
                unmatched_records.append(reference_record)
            else:
                remaining_records.remove(candidate_record)
                yield reference_record, candidate_record
        for reference_record in unmatched_records:
            candidate_record = _find_first(
                remaining_records, partial(_has_same_shape, reference_record)
            )
            if candidate_record is not None:
                remaining_records.remove(candidate_record)
                yield reference_record, candidate_record

    def _find_input(self, reference_record: Record, candidates: list[Record]) -> Record | None:
        if INPUTS_IN_USE_ORDER in self.candidate.trace.manifest.notes:
            return _find_first(candidates, partial(self._is_near, reference_record))
        candidate_record = _find_first(
            candidates, lambda record: record.role == reference_record.role
        )
        if candidate_record is None or reference_record.role == "input":
            return candidate_record
        if _has_same_shape(reference_record, candidate_record):
            return candidate_record
        return None

    def _is_near(self, a: Record, b: Record) -> bool:
        return (
            measure_near_error(self.reference.trace, a, self.candidate.trace, b, self.orders)
            is not None
        )


def _find_first(records: list[Record], is_wanted: Callable[[Record], bool]) -> Record | None:
    return next((record for record in records if is_wanted(record)), None)


def _has_same_shape(a: Record, b: Record) -> bool:
    """Whether two tensors have the same lengths, in whatever order of axes."""
    return get_canonical_shape(a.shape) == get_canonical_shape(b.shape)
