"""Modules between two pairs that nothing but their order, shape, kind and output can tell."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from auscult.comparison.align.axes import Order
from auscult.comparison.align.boundaries import near
from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.modules import Side, Traced

SAME_VALUES, SAME_KIND, SAME_NAME, SAME_PARENT, SAME_INPUTS = 4.0, 2.0, 1.0, 1.0, 1.0
ENOUGH = 2.0
MAX_CELLS = 40_000
"""Of one gap; a larger one is left unpaired, which the coverage shows."""


def pairs_in_order(
    ref: Side, cand: Side, pairs: Sequence[LayerPair], orders: Mapping[int, Order]
) -> Iterator[LayerPair]:
    """Pairs of the modules that are still open, gap by gap between the pairs that keep the order of execution."""
    paired_a = {path for pair in pairs for path in pair.ref}
    paired_b = {path for pair in pairs for path in pair.cand}
    anchors = _increasing(
        [
            (ref.modules[p.a].order, cand.modules[p.b].order)
            for p in pairs
            if p.a in ref.leaves and p.b in cand.leaves
        ]
    )
    open_a = [
        ref.modules[path]
        for path in ref.leaves
        if path not in paired_a and ref.modules[path].output()
    ]
    open_b = [
        cand.modules[path]
        for path in cand.leaves
        if path not in paired_b and cand.modules[path].output()
    ]
    gap = _Gap(ref, cand, {pair.a: pair.b for pair in pairs}, orders)
    for (low_a, low_b), (high_a, high_b) in pairwise([(-1, -1), *anchors, (1 << 62, 1 << 62)]):
        a = [module for module in open_a if low_a < module.order < high_a]
        b = [module for module in open_b if low_b < module.order < high_b]
        if a and b and len(a) * len(b) <= MAX_CELLS:
            yield from gap.best_path(a, b)


def _increasing(points: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest chain of pairs that rises on both sides."""
    ordered = sorted(points)
    tails: list[int] = []
    heads: list[int] = []
    before: list[int] = []
    for index, (_, second) in enumerate(ordered):
        place = bisect_left(tails, second)
        before.append(heads[place - 1] if place else -1)
        if place == len(tails):
            tails.append(second)
            heads.append(index)
        else:
            tails[place], heads[place] = second, index
    chain, index = [], heads[-1] if heads else -1
    while index >= 0:
        chain.append(ordered[index])
        index = before[index]
    return chain[::-1]


@dataclass(frozen=True, eq=False)
class _Gap:
    """Scores pairs of modules.

    Attributes:
        parents: Candidate path by reference path, of all pairs so far.
    """

    ref: Side
    cand: Side
    parents: Mapping[str, str]
    orders: Mapping[int, Order]

    def best_path(self, a: list[Traced], b: list[Traced]) -> Iterator[LayerPair]:
        """The order-preserving pairing with the highest score (Needleman and Wunsch 1970, gaps at no cost)."""
        scores = np.zeros((len(a), len(b)))
        values = np.zeros((len(a), len(b)), bool)
        for i, one in enumerate(a):
            for j, two in enumerate(b):
                scores[i, j], values[i, j] = self.score(one, two)
        scores[scores < ENOUGH] = 0.0
        table = np.zeros((len(a) + 1, len(b) + 1))
        for i in range(len(a)):
            for j in range(len(b)):
                match = table[i, j] + scores[i, j] if scores[i, j] else -1.0
                table[i + 1, j + 1] = max(match, table[i, j + 1], table[i + 1, j])
        i, j = len(a), len(b)
        while i and j:
            if scores[i - 1, j - 1] and table[i, j] == table[i - 1, j - 1] + scores[i - 1, j - 1]:
                i, j = i - 1, j - 1
                yield LayerPair((a[i].path,), (b[j].path,), "values" if values[i, j] else "order")
            elif table[i, j] == table[i - 1, j]:
                i -= 1
            else:
                j -= 1

    def score(self, one: Traced, two: Traced) -> tuple[float, bool]:
        """How much speaks for a pair, and whether what they computed does."""
        a, b = one.output(), two.output()
        if a is None or b is None or one.shape != two.shape:
            return 0.0, False
        same_values = near(self.ref.trace, a, self.cand.trace, b, self.orders) is not None
        score = SAME_VALUES * same_values
        score += SAME_KIND * (_kind(one.type) == _kind(two.type))
        score += SAME_NAME * (one.path.rpartition(".")[2] == two.path.rpartition(".")[2])
        score += SAME_PARENT * (
            one.parent is not None and self.parents.get(one.parent) == two.parent
        )
        score += SAME_INPUTS * (not same_values and self._take_the_same(one, two))
        return score, same_values

    def _take_the_same(self, one: Traced, two: Traced) -> bool:
        """Whether the first call took the same tensors, whatever it then made of them."""
        a, b = one.roles("input"), two.roles("input")
        return len(a) == len(b) > 0 and all(
            near(self.ref.trace, x, self.cand.trace, y, self.orders) is not None
            for x, y in zip(a, b, strict=True)
        )


def _kind(name: str) -> str:
    """`LeakyReLU` and `leaky_relu` are one kind."""
    return name.replace("_", "").casefold()
