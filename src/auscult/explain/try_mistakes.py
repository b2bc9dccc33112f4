"""Try every known mistake on a place where an error is born, and keep those that reproduce what the candidate computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit
from auscult.explain.mistakes import Mistake, UnknownCauseError, iter_mistakes, mistake_files

MAX_EXPLANATIONS = 5
"""Explanations that are kept of one place.

Chosen, not measured."""


def explain_case(
    case: LayerCase, floor: float = 0.0, expected: Sequence[str] = ()
) -> tuple[Explanation, ...]:
    """Explanations of the case, best first.

    An explanation that reproduces the candidate's output from the reference's input within the floor stands before any that
    only describes; among the former the simplest wins, then the nearest. Only where none reproduces it is the reference's code
    run again with changes. Others as simple as the first and equally near are
    its `rivals`.

    Where values are NaN or infinite on the candidate's side alone, only mistakes that are made for that are tried.

    Args:
        floor: Relative error that a correct implementation in the candidate's precision would have at this place.
        expected: Causes found at other places: a mistake that is written once shows at many. They and the mistakes that
            share a search with them are tried first, and where one reproduces the candidate's output as simply as can be,
            no other is tried.
    """
    if relative_error(case.candidate, case.reference) == 0:
        return ()
    best: dict[str, Explanation] = {}
    tried: set[str] = set()
    has_lost_values = bool(
        (~np.isfinite(to_float64(case.candidate))).any()
        and np.isfinite(to_float64(case.reference)).all()
    )
    try:
        for group in _order_groups(expected):
            if _is_settled(best, expected):
                break
            for mistake in group:
                if has_lost_values and not mistake.explains_non_finite:
                    continue
                if mistake.code not in tried:
                    tried.add(mistake.code)
                    _keep_best(best, collect_explanations(mistake, case, floor))
        if not has_lost_values and not any(each.reproduced for each in best.values()):
            for mistake in iter_mistakes():
                _keep_best(best, collect_rerun_explanations(mistake, case, floor))
    finally:
        case.searched.clear()
    return _name_rivals(sorted(best.values(), key=_rank_explanation)[:MAX_EXPLANATIONS])


def _name_rivals(ranked: Sequence[Explanation]) -> tuple[Explanation, ...]:
    """The explanations, of which the first knows the others that are as simple."""
    if not ranked:
        return ()
    first = ranked[0]
    rivals = tuple(
        explanation.cause
        for explanation in ranked[1:]
        if (explanation.reproduced, explanation.complexity) == (first.reproduced, first.complexity)
    )
    return (replace(first, rivals=rivals), *ranked[1:])


def collect_explanations(mistake: Mistake, case: LayerCase, floor: float) -> list[Explanation]:
    """What the test of one mistake says of a case, without what misses the candidate's output.

    Raises:
        UnknownCauseError: If it explains a place by another cause than its own.
    """
    return _collect_fitting(mistake, mistake.explain, case, floor)


def collect_rerun_explanations(
    mistake: Mistake, case: LayerCase, floor: float
) -> list[Explanation]:
    """The same of its test that runs the reference's code again."""
    return _collect_fitting(mistake, mistake.explain_by_rerun, case, floor)


def _collect_fitting(
    mistake: Mistake,
    explain: Callable[[LayerCase, float], Iterable[Explanation]] | None,
    case: LayerCase,
    floor: float,
) -> list[Explanation]:
    if explain is None:
        return []
    with np.errstate(all="ignore"):  # trying a mistake that is none may overflow
        explanations = list(explain(case, floor))
    for explanation in explanations:
        if explanation.cause != mistake.name:
            raise UnknownCauseError(
                f"internal error: it explains a place by `{explanation.cause}`",
                where=mistake_files()[mistake.code],
                hint=f"its own NAME is `{mistake.name}`; another cause needs a file of its own",
            )
    limit = get_candidate_limit(case, floor)
    return [
        explanation
        for explanation in explanations
        if not explanation.reproduced or explanation.residual <= limit
    ]


def _order_groups(expected: Sequence[str]) -> Iterator[list[Mistake]]:
    """Per expected cause it and the mistakes that share a search with it, then all others."""
    mistakes = [mistake for mistake in iter_mistakes() if mistake.explain is not None]
    for mistake in mistakes:
        if mistake.name in expected:
            searches = set(mistake.searches)
            yield [
                other for other in mistakes if other is mistake or searches & set(other.searches)
            ]
    yield mistakes


def _is_settled(best: dict[str, Explanation], expected: Sequence[str]) -> bool:
    """Whether an expected cause reproduces the candidate's output by one change alone."""
    return any(
        explanation.cause in expected and explanation.reproduced and explanation.complexity <= 1
        for explanation in best.values()
    )


def _keep_best(best: dict[str, Explanation], explanations: Iterable[Explanation]) -> None:
    """Keep one explanation per cause."""
    for explanation in explanations:
        best_so_far = best.get(explanation.cause)
        if best_so_far is None or _rank_explanation(explanation) < _rank_explanation(best_so_far):
            best[explanation.cause] = explanation


def _rank_explanation(explanation: Explanation) -> tuple[bool, int, float]:
    if np.isfinite(explanation.residual):
        residual = explanation.residual
    else:
        residual = 0.0
    return not explanation.reproduced, explanation.complexity, residual
