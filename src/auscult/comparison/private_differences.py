"""Differences that nothing behind them shows: a module that gives one frame more, which its caller cuts; a mask in another form.

In: results of a comparison, and the comparisons of the candidate's own run. Out: the same without what agrees where it is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from auscult.comparison.locate.places import FaultPlace
from auscult.comparison.locate.runs import LocatedFaults
from auscult.comparison.measure.tensor_comparisons import TensorComparison, TensorComparisons
from auscult.comparison.modules import ModuleTree
from auscult.comparison.results import LayerResult
from auscult.explain.mistakes.par003_chaotic import NAME as CHAOTIC
from auscult.finding import Skip

NOTHING_SHOWS = "differs, but what takes it and the model's output agree: no error comes of it"


def drop_invented_places(comparisons: TensorComparisons, located: LocatedFaults) -> LocatedFaults:
    """Without places that only the substitution shows: in the candidate's own run the same tensor agrees, within the same limit.

    The reference's tensor may not fit the candidate's code: where one gives a frame more and its caller cuts it, the other's code
    cuts a frame of what it was handed.
    """
    own_errors = {_find_key(comparison): comparison.error for comparison in comparisons.all}
    places = tuple(
        place
        for place in located.places
        if own_errors.get(_find_key(place.comparison), float("inf")) > place.comparison.limit
    )
    return replace(located, places=places)


def _find_key(comparison: TensorComparison) -> tuple[str, int, str]:
    return comparison.pair.a, comparison.call, comparison.role


def dismiss_private_differences(
    reference: ModuleTree,
    comparisons: TensorComparisons,
    results: Iterable[LayerResult],
) -> tuple[tuple[LayerResult, ...], tuple[Skip, ...]]:
    """The results without errors that nothing behind them shows, where the model's output agrees; and what is said of these.

    A choice that rounding decided stays explained by that: the output agrees there only as far as chance lets it.
    """
    results = tuple(results)
    outputs = [c for c in comparisons.all if c.is_output and c.pair.by == "root"]
    if not outputs or any(output.differs for output in outputs):
        return results, ()
    born_paths = {result.path_ref for result in results if result.born}
    dismissed = {
        path for path in born_paths if not _shows_behind(reference, comparisons, path, born_paths)
    }
    settled = tuple(
        _settle(result) if result.path_ref in dismissed else result for result in results
    )
    explained = {result.path_ref for result in settled if result.explanations}
    skips = tuple(Skip(path, NOTHING_SHOWS) for path in sorted(dismissed - explained))
    return settled, skips


def _settle(result: LayerResult) -> LayerResult:
    """The result as no error, with what says that rounding decided."""
    by_chance = tuple(
        explanation for explanation in result.explanations[:1] if explanation.cause == CHAOTIC
    )
    case = result.case if by_chance else None
    return replace(result, born=False, case=case, explanations=by_chance)


def _shows_behind(
    reference: ModuleTree, comparisons: TensorComparisons, path: str, born_paths: set[str]
) -> bool:
    """Whether anything that differs stands behind a module, but for what lies in it and other errors of the same kind."""
    own_orders = [record.order for record in reference.modules[path].records]
    return any(
        comparison.differs
        and comparison.order > min(own_orders)
        and not _is_within(comparison.pair.a, path)
        and not (comparison.pair.a in born_paths and comparison.is_output)
        for comparison in comparisons.all
    )


def _is_within(path: str, outer: str) -> bool:
    return path == outer or path.startswith(f"{outer}.")


def list_deferred_results(
    places: Iterable[FaultPlace], results: Iterable[LayerResult]
) -> tuple[LayerResult, ...]:
    """Where the outputs differ and no error was placed: the first place that was uncertain, so that it is no silence."""
    if any(result.born for result in results):
        return ()
    first = next(iter(places), None)
    if first is None:
        return ()
    comparison = first.comparison
    return (
        LayerResult(
            comparison.pair.a, comparison.pair.b, comparison.error, comparison.floor, born=True
        ),
    )
