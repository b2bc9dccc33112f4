"""Explain each place at which an error is born.

In: the aligned runs and the places. Out: one `LayerResult` for each pair of layers, which says
whether an error is born there or only passes through, and which known mistake gives what the
candidate computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.locate.aligned_sides import AlignedSides, LocatedFaults
from auscult.comparison.locate.places import FaultPlace
from auscult.comparison.measure.tensor_comparisons import TensorComparison, TensorComparisons
from auscult.comparison.private_differences import list_deferred_results
from auscult.comparison.results import LayerResult
from auscult.comparison.start_noise import find_noisy_pairs
from auscult.comparison.unloaded import (
    WeightOwnership,
    compare_owned_weights,
    explain_ownership,
)
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.mistakes.par001_velocity_zero import NAME as VELOCITY_ZERO
from auscult.explain.mistakes.par002_noise_differs import NAME as NOISE_DIFFERS
from auscult.explain.try_mistakes import explain_case
from auscult.finding import Skip

MAX_EXPLAINED_PLACES = 24
"""Places that are explained; a fault that is written once and called often shows at many.

Chosen, not measured.
"""
MAX_CALLS_PER_PLACE = 3
"""Calls of one place that are looked into; a loop repeats its fault at every step.

Chosen, not measured.
"""
MAX_DOUBTFUL_LIMITS = 4.0
"""An error of so many limits that no known mistake explains may be rounding in another order: long
sums, and their sines.

Chosen, not measured.
"""


@dataclass
class _FaultExplainer:
    """Explains places until the budget is spent; what explained one place is tried first at the
    next.
    """

    weights: WeightOwnership
    left: int = MAX_EXPLAINED_PLACES
    causes: dict[str, None] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    uncertain: list[FaultPlace] = field(default_factory=list)

    def explain_place(self, place: FaultPlace, case: LayerCase | None) -> LayerResult | None:
        """What is said of one place; None where an earlier fault left something wrong there, and
        nothing explains it.
        """
        pair, comparison = place.comparison.pair, place.comparison
        explanations, was_looked_into = self._find_explanations(place, case)
        is_reproduced = any(explanation.reproduced for explanation in explanations)
        if not place.certain and not is_reproduced:
            self.uncertain.append(place)
            return None
        if was_looked_into and not is_reproduced and _is_doubtful(comparison):
            self.skips.append(Skip(place.key, _describe_doubt(comparison)))
            return None
        return LayerResult(
            pair.a,
            pair.b,
            comparison.error,
            comparison.floor,
            born=True,
            case=case,
            explanations=explanations,
            looked_into=was_looked_into or bool(explanations),
        )

    def _find_explanations(
        self, place: FaultPlace, case: LayerCase | None
    ) -> tuple[tuple[Explanation, ...], bool]:
        """Explanations, and whether the known mistakes were tried."""
        path = place.path
        other_weights = None
        if place.comparison.is_output:
            other_weights = explain_ownership(self.weights, path)
        if other_weights is not None and path in self.weights.fresh:
            # Whatever else would give the same: these weights were never loaded.
            return (other_weights,), False
        if case is None:
            return (), True
        explanations, was_looked_into = self._explain_within_budget(place, case)
        is_reproduced = any(
            explanation.reproduced and explanation.cause != NOISE_DIFFERS
            for explanation in explanations
        )
        if other_weights is not None and not is_reproduced:
            explanations = (other_weights, *explanations)
        return explanations, was_looked_into

    def _explain_within_budget(
        self, place: FaultPlace, case: LayerCase
    ) -> tuple[tuple[Explanation, ...], bool]:
        if not self.left:
            self.skips.append(
                Skip(
                    place.key,
                    f"its cause was not looked for: {MAX_EXPLAINED_PLACES} places were explained"
                    " before it",
                )
            )
            return (), False
        self.left -= 1
        explanations = explain_case(case, place.comparison.floor, tuple(self.causes))
        self.causes |= dict.fromkeys(
            explanation.cause for explanation in explanations[:1] if explanation.reproduced
        )
        return explanations, True


def _is_doubtful(comparison: TensorComparison) -> bool:
    """Whether rounding in another order may give an error of this size."""
    return comparison.error <= MAX_DOUBTFUL_LIMITS * comparison.limit


def _describe_doubt(comparison: TensorComparison) -> str:
    times = "above"
    if comparison.floor:
        times = f"{comparison.error / comparison.floor:.0f} times"
    return (
        f"is {comparison.error:.1e} off, {times} the floor, by no known mistake: rounding in"
        " another order may give that"
    )


def explain_located_faults(
    sides: AlignedSides, comparisons: TensorComparisons, located: LocatedFaults
) -> tuple[tuple[LayerResult, ...], list[Skip]]:
    """One result per pair, behind them further places of pairs that have two; and places whose
    cause was not looked for.
    """
    explainer = _FaultExplainer(
        compare_owned_weights(sides.reference, sides.candidate, sides.alignment)
    )
    result_by_index: dict[int, LayerResult] = {}
    for index in _order_first_calls_first(located.places):
        place = located.places[index]
        result = explainer.explain_place(place, located.case(place))
        if result is not None:
            result_by_index[index] = result
    born: dict[LayerPair, list[LayerResult]] = {}
    for index in sorted(result_by_index):
        born.setdefault(located.places[index].comparison.pair, []).append(result_by_index[index])
    noisy = _find_noisy_layers(sides, result_by_index.values())
    results, further_results = [], []
    if _differs_at_the_end(comparisons):
        for deferred in list_deferred_results(explainer.uncertain, result_by_index.values()):
            pair = explainer.uncertain[0].comparison.pair
            born.setdefault(pair, []).append(deferred)
    explainer.skips += _describe_uncertain_places(explainer.uncertain, born)
    for pair in sides.alignment.pairs:
        worst = comparisons.worst_output(pair.a)
        if worst is None:
            continue
        pair_results = born.get(
            pair, [LayerResult(pair.a, pair.b, 0.0, 0.0, grown=worst.differs and located.separated)]
        )
        first = replace(pair_results[0], error=worst.error, floor=worst.floor)
        if pair in noisy:
            first = replace(first, explanations=(noisy[pair], *first.explanations))
        results.append(first)
        further_results += pair_results[1:]
    return (*results, *further_results), [*explainer.skips, *_find_unjudged_modules(sides, located)]


def _differs_at_the_end(comparisons: TensorComparisons) -> bool:
    return any(
        comparison.differs
        for comparison in comparisons.all
        if comparison.is_output and comparison.pair.by == "root"
    )


def _describe_uncertain_places(
    places: Iterable[FaultPlace], born: Mapping[LayerPair, list[LayerResult]]
) -> Iterable[Skip]:
    """What an earlier fault may have made, each module once."""
    for pair in dict.fromkeys(place.comparison.pair for place in places):
        if pair not in born:
            reason = (
                "differs behind an earlier error of the same code, which may have made it: put that"
                " right and compare again"
            )
            yield Skip(pair.a, reason)


def _order_first_calls_first(places: Iterable[FaultPlace]) -> list[int]:
    """In which order places are explained: every place once, then again as later calls show it, up
    to MAX_CALLS.
    """
    call_counts: dict[tuple[LayerPair, str], int] = {}
    ranked_indices = []
    for index, place in enumerate(places):
        key = place.comparison.pair, place.comparison.role
        call_counts[key] = call_counts.get(key, -1) + 1
        if call_counts[key] < MAX_CALLS_PER_PLACE:
            ranked_indices.append((call_counts[key], index))
    return [index for _, index in sorted(ranked_indices)]


def _find_noisy_layers(
    sides: AlignedSides, born: Iterable[LayerResult]
) -> Mapping[LayerPair, Explanation]:
    """Layers whose output has the statistics of start noise; none where a known mistake gives what
    the candidate computes.

    Then its numbers are the mistake's, and that they look like noise is what came of it, or chance.
    """
    for result in born:
        for explanation in result.explanations[:1]:
            if explanation.reproduced and explanation.cause != VELOCITY_ZERO:
                return {}
    return dict(find_noisy_pairs(sides.reference, sides.candidate, sides.alignment))


def _find_unjudged_modules(sides: AlignedSides, located: LocatedFaults) -> Iterable[Skip]:
    """Composite modules that were handed something else even in a run on the other side's
    tensors.
    """
    if not located.separated:
        return
    for path, call in located.comparisons.by_place:
        if call or not path or path not in sides.reference.children:
            continue
        if any(comparison.differs for comparison in located.comparisons.inputs(path, call)):
            reason = (
                "is handed something else, so that its own code could not be judged: put that right"
                " and compare again"
            )
            yield Skip(path, reason)
