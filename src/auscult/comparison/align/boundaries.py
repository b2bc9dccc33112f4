"""Find the outputs that mean the same where one side does in one module what the other does in
several.

In: pairs of modules. Out: the same pairs, widened by the modules that ran next where these reach
the other side's output; and the way in which the outputs of several modules are compared with one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from auscult.comparison.align.axes import AxisOrder, to_reference_order
from auscult.comparison.align.pairs import LayerPair, collect_paired_paths
from auscult.comparison.measure.distance import measure_distance
from auscult.comparison.modules import ModuleTree, TracedModule
from auscult.explain.algebra.nearness import relative_error
from auscult.traces.records import Record, Trace
from auscult.weights import Array

MAX_NEAR_ERROR = 0.02
"""Relative error below which two outputs are taken for the same before any floor is known.

Chosen, not measured.
"""
MAX_FOLLOWERS = 4
"""Modules that are looked at behind a pair, for the one that reaches the other side's output.

Chosen, not measured.
"""
MAX_JOINED_PARTS = 4
"""Outputs that are put side by side, in every order: fused projections have three.

Chosen, not measured.
"""


def measure_near_error(
    reference: Trace, a: Record, candidate: Trace, b: Record, orders: Mapping[int, AxisOrder]
) -> float | None:
    """The relative error of two outputs, if it is small; their statistics tell most unequal ones at
    once.
    """
    reference_rms, candidate_rms = a.statistics.rms, b.statistics.rms
    rms_gap = abs(reference_rms - candidate_rms)
    mean_gap = abs(a.statistics.mean - b.statistics.mean)
    if (
        rms_gap > MAX_NEAR_ERROR * max(reference_rms, candidate_rms)
        or mean_gap > MAX_NEAR_ERROR * reference_rms
        or reference_rms == 0
    ):
        return None
    error = measure_distance(reference, a, candidate, b, orders).error
    if error < MAX_NEAR_ERROR:
        return error
    return None


def choose_join(reference: ModuleTree, candidate: ModuleTree, pair: LayerPair) -> LayerPair:
    """How the outputs of a group of modules are to be held against those of another: the last ones,
    or side by side.
    """
    if pair.is_single:
        return pair
    a, b = reference.modules[pair.a], candidate.modules[pair.b]
    if min(len(pair.reference), len(pair.candidate)) == 1 and a.shape != b.shape:
        if len(pair.reference) > 1:
            part_modules, whole_module = ([reference.modules[p] for p in pair.reference], b)
        else:
            part_modules, whole_module = ([candidate.modules[p] for p in pair.candidate], a)
        if _can_concatenate(part_modules, whole_module):
            return replace(pair, join="concat")
    if a.shape == b.shape:
        return replace(pair, doubt="")
    return replace(pair, doubt="their outputs have no common boundary")


def _can_concatenate(part_modules: list[TracedModule], whole_module: TracedModule) -> bool:
    records = [module.output() for module in part_modules]
    whole_record = whole_module.output()
    if (
        whole_record is None
        or not 2 <= len(part_modules) <= MAX_JOINED_PARTS
        or any(r is None for r in records)
    ):
        return False
    sizes = [int(np.prod(r.shape)) for r in records if r is not None]
    return sum(sizes) == int(np.prod(whole_record.shape))


def concatenate_parts(
    parts: list[Array], whole: Array, orders: Mapping[int, AxisOrder]
) -> tuple[Array, Array] | None:
    """The parts side by side and the whole in one order of axes, in the order of parts that is
    nearest to the whole.

    Args:
        orders: To take the whole in the parts' order of axes.
    """
    if any(part.ndim != whole.ndim for part in parts):
        return None
    best: tuple[Array, Array] | None = None
    best_error = np.inf
    for axis in range(whole.ndim):
        other_lengths = {(*part.shape[:axis], *part.shape[axis + 1 :]) for part in parts}
        if len(other_lengths) > 1:
            continue
        for ordered_parts in permutations(parts):
            joined_parts = np.concatenate(ordered_parts, axis)
            turned_whole = to_reference_order(joined_parts, whole, orders)
            if turned_whole.shape != joined_parts.shape:
                continue
            error = relative_error(turned_whole, joined_parts)
            if best is None or error < best_error:
                best, best_error = (joined_parts, turned_whole), error
    return best


def find_boundaries(
    reference: ModuleTree,
    candidate: ModuleTree,
    pairs: Sequence[LayerPair],
    orders: Mapping[int, AxisOrder],
) -> list[LayerPair]:
    """Pairs whose outputs differ, while one side's output is what the modules after it give on the
    other, take these in: a convolution with its norm folded in is the convolution and the norm."""
    search = _NeighbourSearch(reference, candidate, orders, *collect_paired_paths(pairs))
    widened_pairs = []
    for pair in pairs:
        widened_pair = pair
        if pair.is_single and pair.by not in ("map", "root"):
            widened_pair = _widen_pair(search, pair)
        search.paired_reference.update(widened_pair.reference)
        search.paired_candidate.update(widened_pair.candidate)
        widened_pairs.append(widened_pair)
    return widened_pairs


@dataclass(frozen=True, eq=False)
class _NeighbourSearch:
    """What is needed to look beyond a pair."""

    reference: ModuleTree
    candidate: ModuleTree
    orders: Mapping[int, AxisOrder]
    paired_reference: set[str]
    paired_candidate: set[str]

    def is_near(self, a: Record, b: Record) -> bool:
        return (
            measure_near_error(self.reference.trace, a, self.candidate.trace, b, self.orders)
            is not None
        )


def _widen_pair(search: _NeighbourSearch, pair: LayerPair) -> LayerPair:
    """The pair with the modules that ran next on one side, if these reach the other's output."""
    reference_output = search.reference.modules[pair.a].output()
    candidate_output = search.candidate.modules[pair.b].output()
    if reference_output is None or candidate_output is None:
        return pair
    if search.is_near(reference_output, candidate_output):
        return pair
    follower_paths = _find_followers(
        search.reference,
        pair.a,
        search.paired_reference,
        lambda record: search.is_near(record, candidate_output),
    )
    if follower_paths:
        return replace(pair, reference=(*pair.reference, *follower_paths))
    follower_paths = _find_followers(
        search.candidate,
        pair.b,
        search.paired_candidate,
        lambda record: search.is_near(reference_output, record),
    )
    return replace(pair, candidate=(*pair.candidate, *follower_paths))


def _find_followers(
    side: ModuleTree, path: str, paired_paths: set[str], is_reached: Callable[[Record], bool]
) -> tuple[str, ...]:
    """The unpaired leaves that ran next, up to the one that reaches the other side's output; none
    where none does.
    """
    leaf_paths = list(side.leaves)
    if path not in leaf_paths:
        return ()
    group: list[str] = []
    start = leaf_paths.index(path) + 1
    for follower in leaf_paths[start : start + MAX_FOLLOWERS]:
        if follower in paired_paths:
            return ()
        group.append(follower)
        record = side.modules[follower].output()
        if record is not None and is_reached(record):
            return tuple(group)
    return ()
