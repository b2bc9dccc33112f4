"""Hold a recurrent layer of two directions against one-way layers whose code flips and joins their outputs itself.

In: two traces and a pair of such modules. Out: the pair marked so, and the tensor that the code around the one-way modules hands
on, which is what the layer of two directions gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import isclose

from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.modules import ModuleTree, TracedModule, get_base_role
from auscult.traces.records import Record
from auscult.traces.sketch import get_canonical_shape

MAX_STATISTICS_GAP = 1e-6
"""Relative gap of mean and rms of one tensor in two orders of axes: sums of float32 in another order.

Chosen, not measured.
"""


def is_bidirectional(side: ModuleTree, path: str) -> bool:
    """Whether a module is a recurrent layer that runs both ways, by its attributes or the names of its weights."""
    info = side.trace.manifest.modules.get(path)
    if info is not None:
        if info.attributes.get("bidirectional") is True:
            return True
        if info.attributes.get("direction") == "bidirectional":
            return True
    return any(name.endswith("_reverse") for name in side.trace.manifest.weights.get(path, {}))


def mark_directions(reference: ModuleTree, candidate: ModuleTree, pair: LayerPair) -> LayerPair:
    """The pair, with `join` "directions" where one side's module runs both ways and each of the other's one way."""
    reference_count = sum(is_bidirectional(reference, path) for path in pair.reference)
    candidate_count = sum(is_bidirectional(candidate, path) for path in pair.candidate)
    is_one_whole = (
        (reference_count, candidate_count, len(pair.reference)) == (1, 0, 1)
        or (candidate_count, reference_count, len(pair.candidate)) == (1, 0, 1)
    ) and pair.by in ("weights", "derived")
    has_wrapped_whole = (
        pair.is_single and reference.modules[pair.a].shape == candidate.modules[pair.b].shape
    )
    if not is_one_whole or has_wrapped_whole:
        return pair
    return replace(pair, by="derived", join="directions", doubt="")


def take_in_other_direction(
    reference: ModuleTree, candidate: ModuleTree, pair: LayerPair, open_paths: Iterable[str]
) -> LayerPair:
    """The pair with the one-way modules, of these open ones, that own another part of the layer's weights."""
    if pair.join != "directions":
        return pair
    if is_bidirectional(reference, pair.a):
        further = _find_owners(candidate, open_paths, reference.modules[pair.a])
        return replace(pair, candidate=(*pair.candidate, *further))
    further = _find_owners(reference, open_paths, candidate.modules[pair.b])
    return replace(pair, reference=(*further, *pair.reference))


def _find_owners(side: ModuleTree, open_paths: Iterable[str], whole: TracedModule) -> list[str]:
    return [
        path
        for path in open_paths
        if path in side.modules
        and path not in side.children
        and any(weight in whole.weights for weight in side.modules[path].weights)
    ]


def find_handed_on(
    whole_side: ModuleTree,
    part_side: ModuleTree,
    output: Record,
    partners: Iterable[tuple[str, str]],
) -> Record | None:
    """The record of the one-way modules' side that stands where the output of the layer of two directions is used.

    Args:
        output: What the layer gave.
        partners: Path on the layer's side and path on the other, of the paired modules.
    """
    part_by_whole = dict(partners)
    for record in _iter_uses(whole_side, output):
        part = part_side.modules.get(part_by_whole.get(record.path, "\0"))
        if part is None:
            continue
        own_role = record.role.replace("output", "own", 1)
        found = part.by_key.get(
            (record.call, own_role), part.by_key.get((record.call, record.role))
        )
        if found is not None:
            return found
    return None


def _iter_uses(side: ModuleTree, output: Record) -> Iterator[Record]:
    """Later records that hold the tensor, in whatever order of axes: what modules take, or a module around gives."""
    tensor = output.same_as or output.key
    for record in side.trace.records:
        is_use = (
            record.order > output.order
            and record.path != output.path
            and get_base_role(record.role) in ("input", "output")
        )
        is_same = (record.same_as or record.key) == tensor or _is_same_tensor(record, output)
        if is_use and is_same:
            yield record


def _is_same_tensor(record: Record, other: Record) -> bool:
    gap = MAX_STATISTICS_GAP * other.statistics.rms
    return (
        get_canonical_shape(record.shape) == get_canonical_shape(other.shape)
        and isclose(record.statistics.rms, other.statistics.rms, rel_tol=0.0, abs_tol=gap)
        and isclose(record.statistics.mean, other.statistics.mean, rel_tol=0.0, abs_tol=gap)
    )
