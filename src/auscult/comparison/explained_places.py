"""What explains each place at which an error is born, and what is said of every layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.locate.places import Place
from auscult.comparison.locate.runs import Located, Sides
from auscult.comparison.measure.readings import Readings
from auscult.comparison.results import LayerResult
from auscult.comparison.unloaded import Loaded, explanation_of, loaded, noisy_pairs
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.try_mistakes import explain
from auscult.finding import Skip

MAX_EXPLAINED = 24
"""Places that are explained; a fault that is written once and called often shows at many."""
MAX_CALLS = 3
"""Calls of one place that are looked into; a loop repeats its fault at every step."""
DOUBT = 4.0
"""An error of so many limits that no known mistake explains may be rounding in another order: long sums, and their sines."""


@dataclass
class _Explainer:
    """Explains places until the budget is spent; what explained one place is tried first at the next."""

    weights: Loaded
    left: int = MAX_EXPLAINED
    causes: dict[str, None] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)

    def result(self, place: Place, case: LayerCase | None) -> LayerResult | None:
        """What is said of one place; None where an earlier fault left something wrong there, and nothing explains it."""
        pair, reading = place.reading.pair, place.reading
        other_weights = explanation_of(self.weights, pair.a) if reading.is_output else None
        found: tuple[Explanation, ...] = ()
        looked = True
        if other_weights is not None and pair.a in self.weights.fresh:
            found = (
                other_weights,
            )  # whatever else would give the same: these weights were never loaded
            looked = False
        elif case is not None:
            found, looked = self._explained(place, case)
            explained = any(one.reproduced and one.cause != "noise-differs" for one in found)
            if other_weights is not None and not explained:
                found = (other_weights, *found)
        if not (place.certain or any(one.reproduced for one in found)):
            return None
        if (
            looked
            and reading.error <= DOUBT * reading.limit
            and not any(one.reproduced for one in found)
        ):
            times = f"{reading.error / reading.floor:.0f} times" if reading.floor else "above"
            reason = f"is {reading.error:.1e} off, {times} the floor, by no known mistake: rounding in another order may give that"
            self.skips.append(Skip(place.key, reason))
            return None
        return LayerResult(
            pair.a,
            pair.b,
            reading.error,
            reading.floor,
            born=True,
            case=case,
            explanations=found,
            looked_into=looked or bool(found),
        )

    def _explained(self, place: Place, case: LayerCase) -> tuple[tuple[Explanation, ...], bool]:
        if not self.left:
            self.skips.append(
                Skip(
                    place.key,
                    f"its cause was not looked for: {MAX_EXPLAINED} places were explained before it",
                )
            )
            return (), False
        self.left -= 1
        found = explain(case, place.reading.floor, tuple(self.causes))
        self.causes |= dict.fromkeys(one.cause for one in found[:1] if one.reproduced)
        return found, True


def results_of(
    sides: Sides, readings: Readings, located: Located
) -> tuple[tuple[LayerResult, ...], list[Skip]]:
    """One result per pair, behind them further places of pairs that have two; and places whose cause was not looked for."""
    explainer = _Explainer(loaded(sides.ref, sides.cand, sides.alignment))
    known: dict[int, LayerResult] = {}
    for index in _first_calls_first(located.places):
        place = located.places[index]
        result = explainer.result(place, located.case(place))
        if result is not None:
            known[index] = result
    born: dict[LayerPair, list[LayerResult]] = {}
    for index in sorted(known):
        born.setdefault(located.places[index].reading.pair, []).append(known[index])
    noisy = _noisy(sides, known.values())
    results, more = [], []
    for pair in sides.alignment.pairs:
        worst = readings.worst_output(pair.a)
        if worst is None:
            continue
        here = born.get(
            pair, [LayerResult(pair.a, pair.b, 0.0, 0.0, grown=worst.differs and located.separated)]
        )
        first = replace(here[0], error=worst.error, floor=worst.floor)
        if pair in noisy:
            first = replace(first, explanations=(noisy[pair], *first.explanations))
        results.append(first)
        more += here[1:]
    return (*results, *more), [*explainer.skips, *_unjudged(sides, located)]


def _first_calls_first(places: Iterable[Place]) -> list[int]:
    """In which order places are explained: every place once, then again as later calls show it, up to MAX_CALLS."""
    seen: dict[tuple[LayerPair, str], int] = {}
    turns = []
    for index, place in enumerate(places):
        key = place.reading.pair, place.reading.role
        seen[key] = seen.get(key, -1) + 1
        if seen[key] < MAX_CALLS:
            turns.append((seen[key], index))
    return [index for _, index in sorted(turns)]


def _noisy(sides: Sides, born: Iterable[LayerResult]) -> Mapping[LayerPair, Explanation]:
    """Layers whose output has the statistics of start noise; none where a known mistake gives what the candidate computes.

    Then its numbers are the mistake's, and that they look like noise is what came of it, or chance.
    """
    if any(
        one.reproduced and one.cause != "velocity-zero"
        for result in born
        for one in result.explanations[:1]
    ):
        return {}
    return dict(noisy_pairs(sides.ref, sides.cand, sides.alignment))


def _unjudged(sides: Sides, located: Located) -> Iterable[Skip]:
    """Composite modules that were handed something else even in a run on the other side's tensors."""
    if not located.separated:
        return
    for (path, call), group in located.readings.by_place.items():
        if (
            call == 0
            and path
            and path in sides.ref.children
            and any(r.differs and not r.is_output for r in group)
        ):
            reason = "is handed something else, so that its own code could not be judged: put that right and compare again"
            yield Skip(path, reason)
