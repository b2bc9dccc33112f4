"""Pair the modules that are still open between two pairs, by order, shape, class and output.

In: two traces and the pairs so far. Out: further pairs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from auscult.comparison.align.axes import AxisOrder
from auscult.comparison.align.boundaries import measure_near_error
from auscult.comparison.align.pairs import LayerPair, PairBasis, collect_paired_paths
from auscult.comparison.modules import ModuleTree, TracedModule

SAME_VALUES, SAME_KIND, SAME_NAME, SAME_PARENT, SAME_INPUTS = 4.0, 2.0, 1.0, 1.0, 1.0
"""How much speaks for a pair of modules: nearly the same output, one class, one last part of the
path, parents that are a pair, nearly the same inputs.

Chosen, not measured.
"""
MIN_PAIR_SCORE = 2.0
"""The score that a pair needs: the values alone, the class alone, or two of the others.

Chosen, not measured.
"""
MAX_GAP_CELLS = 40_000
"""Pairs that are scored in one gap; a larger gap is left unpaired, which the coverage shows.

Chosen, not measured.
"""


def iter_pairs_in_order(
    reference: ModuleTree,
    candidate: ModuleTree,
    pairs: Sequence[LayerPair],
    orders: Mapping[int, AxisOrder],
) -> Iterator[LayerPair]:
    """Pairs of the modules that are still open, gap by gap between the pairs that keep the order of
    execution.
    """
    paired_reference, paired_candidate = collect_paired_paths(pairs)
    anchors = _find_longest_chain(
        [
            (reference.modules[p.a].order, candidate.modules[p.b].order)
            for p in pairs
            if p.a in reference.leaves and p.b in candidate.leaves
        ]
    )
    open_reference = _list_open_leaves(reference, paired_reference)
    open_candidate = _list_open_leaves(candidate, paired_candidate)
    scorer = _GapScorer(reference, candidate, {pair.a: pair.b for pair in pairs}, orders)
    for (low_a, low_b), (high_a, high_b) in pairwise([(-1, -1), *anchors, (1 << 62, 1 << 62)]):
        a = [module for module in open_reference if low_a < module.order < high_a]
        b = [module for module in open_candidate if low_b < module.order < high_b]
        if a and b and len(a) * len(b) <= MAX_GAP_CELLS:
            yield from scorer.iter_best_pairs(a, b)


def _list_open_leaves(side: ModuleTree, paired_paths: set[str]) -> list[TracedModule]:
    """Modules without parts that are in no pair and gave something, in order of execution."""
    leaves = [side.modules[path] for path in side.leaves if path not in paired_paths]
    return [module for module in leaves if module.output()]


def _find_longest_chain(points: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
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
    chain = []
    index = heads[-1] if heads else -1
    while index >= 0:
        chain.append(ordered[index])
        index = before[index]
    return chain[::-1]


@dataclass(frozen=True, eq=False)
class _GapScorer:
    """Scores pairs of modules.

    Attributes:
        parents: Candidate path by reference path, of all pairs so far.
    """

    reference: ModuleTree
    candidate: ModuleTree
    parents: Mapping[str, str]
    orders: Mapping[int, AxisOrder]

    def iter_best_pairs(self, a: list[TracedModule], b: list[TracedModule]) -> Iterator[LayerPair]:
        """The order-preserving pairing with the highest score (Needleman and Wunsch 1970, gaps at
        no cost).
        """
        scores = np.zeros((len(a), len(b)))
        values = np.zeros((len(a), len(b)), bool)
        for i, reference_module in enumerate(a):
            for j, candidate_module in enumerate(b):
                scores[i, j], values[i, j] = self.score_pair(reference_module, candidate_module)
        scores[scores < MIN_PAIR_SCORE] = 0.0
        table = np.zeros((len(a) + 1, len(b) + 1))
        for i in range(len(a)):
            for j in range(len(b)):
                best_score = max(table[i, j + 1], table[i + 1, j])
                if scores[i, j]:
                    best_score = max(best_score, table[i, j] + scores[i, j])
                table[i + 1, j + 1] = best_score
        i, j = len(a), len(b)
        while i and j:
            if scores[i - 1, j - 1] and table[i, j] == table[i - 1, j - 1] + scores[i - 1, j - 1]:
                i, j = i - 1, j - 1
                basis: PairBasis = "values" if values[i, j] else "order"
                yield LayerPair((a[i].path,), (b[j].path,), basis)
            elif table[i, j] == table[i - 1, j]:
                i -= 1
            else:
                j -= 1

    def score_pair(
        self, reference_module: TracedModule, candidate_module: TracedModule
    ) -> tuple[float, bool]:
        """How much speaks for a pair, and whether what they computed does."""
        a, b = reference_module.output(), candidate_module.output()
        if a is None or b is None or reference_module.shape != candidate_module.shape:
            return 0.0, False
        same_values = (
            measure_near_error(self.reference.trace, a, self.candidate.trace, b, self.orders)
            is not None
        )
        score = SAME_VALUES * same_values
        score += SAME_KIND * (
            _normalise_type_name(reference_module.type)
            == _normalise_type_name(candidate_module.type)
        )
        score += SAME_NAME * (
            reference_module.path.rpartition(".")[2] == candidate_module.path.rpartition(".")[2]
        )
        score += SAME_PARENT * (
            reference_module.parent is not None
            and self.parents.get(reference_module.parent) == candidate_module.parent
        )
        score += SAME_INPUTS * (
            not same_values and self._has_same_inputs(reference_module, candidate_module)
        )
        return score, same_values

    def _has_same_inputs(
        self, reference_module: TracedModule, candidate_module: TracedModule
    ) -> bool:
        """Whether the first call took the same tensors, whatever it then made of them."""
        a, b = reference_module.roles("input"), candidate_module.roles("input")
        return len(a) == len(b) > 0 and all(
            measure_near_error(self.reference.trace, x, self.candidate.trace, y, self.orders)
            is not None
            for x, y in zip(a, b, strict=True)
        )


def _normalise_type_name(name: str) -> str:
    """`LeakyReLU` and `leaky_relu` are one kind."""
    return name.replace("_", "").casefold()
