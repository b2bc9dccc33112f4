"""Modules of several layers against the one operation with which the other side, a flat graph, ends
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from auscult.comparison.align.axes import AxisOrder
from auscult.comparison.align.boundaries import measure_near_error
from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.modules import ModuleTree, TracedModule
from auscult.traces.records import Record


def find_whole_pairs(
    ref: ModuleTree, cand: ModuleTree, pairs: Sequence[LayerPair], orders: Mapping[int, AxisOrder]
) -> Iterator[LayerPair]:
    """Pairs of composite modules, of either side, that are still open, with open operations of the
    other side.

    By what they give; where that differs, the last operation whose name lies in the module's own
    scope, as exported graphs keep it.
    """
    paired_a = {path for pair in pairs for path in pair.ref}
    paired_b = {path for pair in pairs for path in pair.cand}

    def is_near(a: Record, b: Record) -> bool:
        return measure_near_error(ref.trace, a, cand.trace, b, orders) is not None

    images = {path: pair.cand for pair in pairs for path in pair.ref}
    for path in [
        path for path in ref.children if path not in paired_a and not _is_output_of_part(ref, path)
    ]:
        parts = [image for part in ref.descendants(path) for image in images.get(part, ())]
        ending = _find_ending_operation(
            ref.modules[path], _find_operations_after(cand, parts, paired_b), is_near
        )
        if ending is not None:
            paired_b.add(ending[0])
            yield LayerPair((path,), (ending[0],), "values" if ending[1] else "order")
    origins = {path: pair.ref for pair in pairs for path in pair.cand}
    for path in [
        path
        for path in cand.children
        if path not in paired_b and not _is_output_of_part(cand, path)
    ]:
        parts = [origin for part in cand.descendants(path) for origin in origins.get(part, ())]
        ending = _find_ending_operation(
            cand.modules[path],
            _find_operations_after(ref, parts, paired_a),
            lambda candidate_record, reference_record: is_near(reference_record, candidate_record),
        )
        if ending is not None:
            paired_a.add(ending[0])
            yield LayerPair((ending[0],), (path,), "values" if ending[1] else "order")


def _is_output_of_part(side: ModuleTree, path: str) -> bool:
    """Whether a module gives the very tensor that one of its parts gave: no other operation than
    that part's partner ends it.
    """
    output = side.modules[path].output()
    parts = {
        record.key
        for part in side.descendants(path)
        for record in side.modules[part].roles("output")
    }
    return output is not None and output.same_as in parts


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
) -> tuple[str, bool] | None:
    """The operation that ends a module, and whether what it gives says so.

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
            return operation.path, True
    scoped = [
        operation.path for operation in fitting if operation.path.startswith(f"{module.path}.")
    ]
    if scoped:
        return (scoped[-1], False)
    return None
