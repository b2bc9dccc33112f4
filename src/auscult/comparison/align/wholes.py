"""Modules of several layers against the one operation with which the other side, a flat graph, ends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from auscult.comparison.align.axes import Order
from auscult.comparison.align.boundaries import near
from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.modules import Side, Traced
from auscult.traces.records import Record


def wholes(
    ref: Side, cand: Side, pairs: Sequence[LayerPair], orders: Mapping[int, Order]
) -> Iterator[LayerPair]:
    """Pairs of composite modules, of either side, that are still open, with open operations of the other side.

    By what they give; where that differs, the last operation whose name lies in the module's own scope, as exported graphs keep
    it.
    """
    paired_a = {path for pair in pairs for path in pair.ref}
    paired_b = {path for pair in pairs for path in pair.cand}

    def is_near(a: Record, b: Record) -> bool:
        return near(ref.trace, a, cand.trace, b, orders) is not None

    images = {path: pair.cand for pair in pairs for path in pair.ref}
    for path in [
        path for path in ref.children if path not in paired_a and not _gives_a_parts(ref, path)
    ]:
        parts = [image for part in ref.descendants(path) for image in images.get(part, ())]
        found = _ending(ref.modules[path], _after(cand, parts, paired_b), is_near)
        if found is not None:
            paired_b.add(found[0])
            yield LayerPair((path,), (found[0],), "values" if found[1] else "order")
    origins = {path: pair.ref for pair in pairs for path in pair.cand}
    for path in [
        path for path in cand.children if path not in paired_b and not _gives_a_parts(cand, path)
    ]:
        parts = [origin for part in cand.descendants(path) for origin in origins.get(part, ())]
        found = _ending(
            cand.modules[path], _after(ref, parts, paired_a), lambda one, two: is_near(two, one)
        )
        if found is not None:
            paired_a.add(found[0])
            yield LayerPair((found[0],), (path,), "values" if found[1] else "order")


def _gives_a_parts(side: Side, path: str) -> bool:
    """Whether a module gives the very tensor that one of its parts gave: no other operation than that part's partner ends it."""
    given = side.modules[path].output()
    parts = {
        record.key
        for part in side.descendants(path)
        for record in side.modules[part].roles("output")
    }
    return given is not None and given.same_as in parts


def _after(side: Side, parts: Sequence[str], taken: set[str]) -> list[Traced]:
    """Operations in no pair that ran after these modules; none where there are no such modules."""
    last = max((side.modules[part].order for part in parts), default=None)
    found = [side.modules[leaf] for leaf in side.leaves if leaf not in taken]
    return [] if last is None else [operation for operation in found if operation.order > last]


def _ending(
    module: Traced, operations: Sequence[Traced], is_near: Callable[[Record, Record], bool]
) -> tuple[str, bool] | None:
    """The operation that ends a module, and whether what it gives says so.

    Args:
        operations: Open ones that ran after the module's parts.
    """
    mine = module.output()
    if mine is None:
        return None
    fitting = [operation for operation in operations if operation.shape == module.shape]
    for operation in fitting:
        theirs = operation.output()
        if theirs is not None and is_near(mine, theirs):
            return operation.path, True
    scoped = [
        operation.path for operation in fitting if operation.path.startswith(f"{module.path}.")
    ]
    return (scoped[-1], False) if scoped else None
