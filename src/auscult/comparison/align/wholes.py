"""Pair modules of several layers with the one operation that ends them in a flat graph.

In: two traces and the pairs so far. Out: further pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from auscult.comparison.align.axes import AxisOrder
from auscult.comparison.align.boundaries import measure_near_error
from auscult.comparison.align.pairs import LayerPair, PairBasis
from auscult.comparison.modules import ModuleTree, TracedModule
from auscult.traces.records import Record


class _Ending(NamedTuple):
    """An operation that ends a module, and what says so."""

    path: str
    basis: PairBasis


def find_whole_pairs(
    reference: ModuleTree,
    candidate: ModuleTree,
    pairs: Sequence[LayerPair],
    orders: Mapping[int, AxisOrder],
) -> Iterator[LayerPair]:
    """Pairs of composite modules, of either side, that are still open, with open operations of the
    other side.

    By what they give; where that differs, the last operation whose name lies in the module's own
    scope, as exported graphs keep it.
    """
    search = _EndingSearch(reference, candidate, pairs)

    def is_near(a: Record, b: Record) -> bool:
        return measure_near_error(reference.trace, a, candidate.trace, b, orders) is not None

    def is_near_reversed(candidate_record: Record, reference_record: Record) -> bool:
        return is_near(reference_record, candidate_record)

    for path in search.list_open_composites(reference, search.paired_reference):
        operations = search.list_candidate_operations(path)
        ending = _find_ending_operation(reference.modules[path], operations, is_near)
        if ending is not None:
            search.paired_candidate.add(ending.path)
            yield LayerPair((path,), (ending.path,), ending.basis)
    for path in search.list_open_composites(candidate, search.paired_candidate):
        operations = search.list_reference_operations(path)
        ending = _find_ending_operation(candidate.modules[path], operations, is_near_reversed)
        if ending is not None:
            search.paired_reference.add(ending.path)
            yield LayerPair((ending.path,), (path,), ending.basis)


class _EndingSearch:
    """Which composite modules, and which operations of the other side, are in no pair yet."""

    def __init__(
        self, reference: ModuleTree, candidate: ModuleTree, pairs: Sequence[LayerPair]
    ) -> None:
        self.reference, self.candidate = reference, candidate
        self.candidate_by_reference: dict[str, tuple[str, ...]] = {}
        self.reference_by_candidate: dict[str, tuple[str, ...]] = {}
        for pair in pairs:
            self.candidate_by_reference |= dict.fromkeys(pair.reference, pair.candidate)
            self.reference_by_candidate |= dict.fromkeys(pair.candidate, pair.reference)
        self.paired_reference = set(self.candidate_by_reference)
        self.paired_candidate = set(self.reference_by_candidate)

    @staticmethod
    def list_open_composites(side: ModuleTree, paired_paths: set[str]) -> list[str]:
        return [
            path
            for path in side.children
            if path not in paired_paths and not _is_output_of_part(side, path)
        ]

    def list_candidate_operations(self, path: str) -> list[TracedModule]:
        """Open operations of the candidate that may end this module of the reference."""
        partners = _collect_partners(self.reference, path, self.candidate_by_reference)
        return _find_operations_after(self.candidate, partners, self.paired_candidate)

    def list_reference_operations(self, path: str) -> list[TracedModule]:
        """The reverse."""
        partners = _collect_partners(self.candidate, path, self.reference_by_candidate)
        return _find_operations_after(self.reference, partners, self.paired_reference)


def _collect_partners(
    side: ModuleTree, path: str, partners_by_path: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """The other side's modules that are paired with a module's parts."""
    partners: list[str] = []
    for part in side.descendants(path):
        partners += partners_by_path.get(part, ())
    return partners


def _is_output_of_part(side: ModuleTree, path: str) -> bool:
    """Whether a module gives the very tensor that one of its parts gave: no other operation than
    that part's partner ends it.
    """
    output = side.modules[path].output()
    if output is None:
        return False
    part_keys: set[str] = set()
    for part in side.descendants(path):
        part_keys |= {record.key for record in side.modules[part].roles("output")}
    return output.same_as in part_keys


def _find_operations_after(
    side: ModuleTree, parts: Sequence[str], paired_paths: set[str]
) -> list[TracedModule]:
    """Operations in no pair that ran after these modules; none where there are no such modules."""
    last = max((side.modules[part].order for part in parts), default=None)
    open_operations = [side.modules[leaf] for leaf in side.leaves if leaf not in paired_paths]
    if last is None:
        return []
    return [operation for operation in open_operations if operation.order > last]


def _find_ending_operation(
    module: TracedModule,
    operations: Sequence[TracedModule],
    is_near: Callable[[Record, Record], bool],
) -> _Ending | None:
    """The operation that ends a module: the one with nearly the same output, or the last in the
    module's own scope.

    Args:
        operations: Open ones that ran after the module's parts.
    """
    module_output = module.output()
    if module_output is None:
        return None
    fitting = [operation for operation in operations if operation.shape == module.shape]
    for operation in fitting:
        operation_output = operation.output()
        if operation_output is not None and is_near(module_output, operation_output):
            return _Ending(operation.path, "values")
    scoped = [
        operation.path for operation in fitting if operation.path.startswith(f"{module.path}.")
    ]
    if scoped:
        return _Ending(scoped[-1], "order")
    return None
