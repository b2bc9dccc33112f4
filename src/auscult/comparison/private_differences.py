"""Differences that nothing behind them shows: a module that gives one frame more, which its caller cuts; a mask in another form.

In: results of a comparison, and the comparisons of the candidate's own run. Out: the same without what agrees where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from auscult.comparison.locate.aligned_sides import LocatedFaults
from auscult.comparison.locate.places import FaultPlace
from auscult.comparison.measure.tensor_comparisons import TensorComparison, TensorComparisons
from auscult.comparison.modules import ModuleTree, get_base_role
from auscult.comparison.results import LayerResult
from auscult.explain.mistakes.par003_chaotic import NAME as CHAOTIC
from auscult.explain.mistakes.par050_branch_cut import NAME as BRANCH_CUT
from auscult.finding import Skip

DECIDED_BY_ROUNDING = frozenset((CHAOTIC, BRANCH_CUT))
"""Causes that are said even where the output agrees: on other inputs it may not."""
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
    """The results without errors that nothing behind them shows; and what is said of these.

    That is: where the model's output agrees, those with nothing behind them that differs; and in any case those whose output
    arrives as the reference's wherever the reference hands it on, or is taken by modules that give the same all the same. (A
    scale of an embedding is applied in it, or by its caller.)
    A choice that rounding decided stays explained by that: the output agrees there only as far as chance lets it.
    """
    results = tuple(results)
    outputs = [c for c in comparisons.all if c.is_output and c.pair.by == "root"]
    output_agrees = bool(outputs) and not any(output.differs for output in outputs)
    born_paths = {result.path_ref for result in results if result.born}
    dismissed = {
        path
        for path in born_paths
        if _arrives_unchanged(reference, comparisons, path)
        or (output_agrees and not _shows_behind(reference, comparisons, path, born_paths))
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
        explanation
        for explanation in result.explanations[:1]
        if explanation.cause in DECIDED_BY_ROUNDING
    )
    case = result.case if by_chance else None
    return replace(result, born=False, case=case, explanations=by_chance)


def _shows_behind(
    reference: ModuleTree, comparisons: TensorComparisons, path: str, born_paths: set[str]
) -> bool:
    """Whether what a module behind gives differs, but for what lies in this one and other errors of the same kind.

    What a module takes does not count: a mask or a table is handed over in one form or another. Nor does what a module around
    this one gives in another shape: the model's output, which is made of it, agrees.
    """
    own_orders = [record.order for record in reference.modules[path].records]
    return any(
        comparison.differs
        and comparison.is_output
        and comparison.order > min(own_orders)
        and comparison.pair.a not in born_paths
        and not _is_within(comparison.pair.a, path)
        and not (_is_within(path, comparison.pair.a) and math.isinf(comparison.error))
        for comparison in comparisons.all
    )


def _arrives_unchanged(reference: ModuleTree, comparisons: TensorComparisons, path: str) -> bool:
    """Whether a module gives something else, and whatever takes this output in the reference takes the same."""
    differing = [c for c in comparisons.all if c.pair.a == path and c.differs]
    if not differing or any(c.pair.by == "root" or not c.is_output for c in differing):
        return False
    return all(_is_taken_unchanged(reference, comparisons, output) for output in differing)


def _is_taken_unchanged(
    reference: ModuleTree, comparisons: TensorComparisons, output: TensorComparison
) -> bool:
    output_record = reference.modules[output.pair.a].by_key.get((output.call, output.role))
    if output_record is None:
        return False
    content = (output_record.shape, output_record.statistics)
    takers = {
        (path, record.call, record.role)
        for path, module in reference.modules.items()
        for record in module.records
        if (get_base_role(record.role) == "input" or path == "")
        and (record.shape, record.statistics) == content
    }
    taken = [comparison for comparison in comparisons.all if _find_key(comparison) in takers]
    unchanged = {_find_key(comparison) for comparison in taken if not comparison.differs}
    absorbed = {
        (path, call, role)
        for path, call, role in takers - unchanged
        if path and _gives_the_same(comparisons, path, call)
    }
    compared = {_find_key(comparison) for comparison in taken}
    return bool(unchanged | absorbed) and compared <= unchanged | absorbed


def _gives_the_same(comparisons: TensorComparisons, path: str, call: int) -> bool:
    """Whether what a module gives was compared and agrees: whatever it took, nothing came of that.

    (An exported graph folds a bias into the table of positions that is added next.)
    """
    outputs = comparisons.outputs(path, call)
    return bool(outputs) and not any(output.differs for output in outputs)


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
