"""Where one side does in one module what the other does in several: the outputs that mean the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from auscult.comparison.align.axes import Order, turned
from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.measure.distance import distance
from auscult.comparison.modules import Side, Traced
from auscult.explain.algebra.nearness import error
from auscult.traces.records import Record, Trace
from auscult.weights import Array

NEAR = 0.02
"""Relative error below which two outputs are taken for the same before any floor is known."""
MAX_FOLLOWERS = 4
MAX_JOINED = 4


def near(
    ref: Trace, a: Record, cand: Trace, b: Record, orders: Mapping[int, Order]
) -> float | None:
    """The relative error of two outputs, if it is small; their statistics tell most unequal ones at once."""
    one, two = a.statistics, b.statistics
    if (
        abs(one.rms - two.rms) > NEAR * max(one.rms, two.rms)
        or abs(one.mean - two.mean) > NEAR * one.rms
        or one.rms == 0
    ):
        return None
    found = distance(ref, a, cand, b, orders).error
    return found if found < NEAR else None


def joined(ref: Side, cand: Side, pair: LayerPair) -> LayerPair:
    """How the outputs of a group of modules are to be held against those of another: the last ones, or side by side."""
    if pair.is_single:
        return pair
    a, b = ref.modules[pair.a], cand.modules[pair.b]
    if min(len(pair.ref), len(pair.cand)) == 1 and a.shape != b.shape:
        many, one = (
            ([ref.modules[p] for p in pair.ref], b)
            if len(pair.ref) > 1
            else ([cand.modules[p] for p in pair.cand], a)
        )
        if _adds_up(many, one):
            return replace(pair, join="concat")
    doubt = "" if a.shape == b.shape else "their outputs have no common boundary"
    return replace(pair, doubt=doubt)


def _adds_up(many: list[Traced], one: Traced) -> bool:
    records = [module.output() for module in many]
    whole = one.output()
    if whole is None or not 2 <= len(many) <= MAX_JOINED or any(r is None for r in records):
        return False
    sizes = [int(np.prod(r.shape)) for r in records if r is not None]
    return sum(sizes) == int(np.prod(whole.shape))


def concatenated(
    parts: list[Array], whole: Array, orders: Mapping[int, Order]
) -> tuple[Array, Array] | None:
    """The parts side by side and the whole in one order of axes, in the order of parts that is nearest to the whole.

    Args:
        orders: To take the whole in the parts' order of axes.
    """
    if any(part.ndim != whole.ndim for part in parts):
        return None
    best: tuple[float, Array, Array] | None = None
    for axis in range(whole.ndim):
        rests = {(*part.shape[:axis], *part.shape[axis + 1 :]) for part in parts}
        if len(rests) > 1:
            continue
        for group in permutations(parts):
            side = np.concatenate(group, axis)
            other = turned(side, whole, orders)
            if other.shape == side.shape and (
                best is None or (missed := error(other, side)) < best[0]
            ):
                best = (error(other, side) if best is None else missed, side, other)
    return None if best is None else best[1:]


def find_boundaries(
    ref: Side, cand: Side, pairs: Sequence[LayerPair], orders: Mapping[int, Order]
) -> list[LayerPair]:
    """Pairs whose outputs differ, while one side's output is what the modules after it give on the other, take these in: a
    convolution with its norm folded in is the convolution and the norm."""
    taken_ref = {path for pair in pairs for path in pair.ref}
    taken_cand = {path for pair in pairs for path in pair.cand}
    result = []
    for pair in pairs:
        one, two = ref.modules[pair.a].output(), cand.modules[pair.b].output()
        wider = pair
        if (
            pair.is_single
            and pair.by not in ("map", "root")
            and one is not None
            and two is not None
        ):
            wider = _wider(_Reach(ref, cand, orders, taken_ref, taken_cand), pair, one, two)
        taken_ref |= set(wider.ref)
        taken_cand |= set(wider.cand)
        result.append(wider)
    return result


@dataclass(frozen=True, eq=False)
class _Reach:
    """What is needed to look beyond a pair."""

    ref: Side
    cand: Side
    orders: Mapping[int, Order]
    taken_ref: set[str]
    taken_cand: set[str]

    def near(self, a: Record, b: Record) -> bool:
        return near(self.ref.trace, a, self.cand.trace, b, self.orders) is not None


def _wider(reach: _Reach, pair: LayerPair, one: Record, two: Record) -> LayerPair:
    if reach.near(one, two):
        return pair
    more = _followers(reach.ref, pair.a, reach.taken_ref, lambda record: reach.near(record, two))
    if more:
        return replace(pair, ref=(*pair.ref, *more))
    more = _followers(reach.cand, pair.b, reach.taken_cand, lambda record: reach.near(one, record))
    return replace(pair, cand=(*pair.cand, *more))


def _followers(
    side: Side, path: str, taken: set[str], reached: Callable[[Record], bool]
) -> tuple[str, ...]:
    """The unpaired leaves that ran next, up to the one that reaches the other side's output; none where none does."""
    order = list(side.leaves)
    if path not in order:
        return ()
    group: list[str] = []
    start = order.index(path) + 1
    for follower in order[start : start + MAX_FOLLOWERS]:
        if follower in taken:
            return ()
        group.append(follower)
        record = side.modules[follower].output()
        if record is not None and reached(record):
            return tuple(group)
    return ()
