"""Try every known mistake on a place where an error is born, and keep those that reproduce what the candidate computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from auscult import plugins
from auscult.explain.algebra.nearness import relative_error
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import get_candidate_limit

MISTAKES_PACKAGE = "auscult.explain.mistakes"
MAX_EXPLANATIONS = 5


def explain_case(
    case: LayerCase, floor: float = 0.0, expected: Sequence[str] = ()
) -> tuple[Explanation, ...]:
    """Explanations of the case, best first.

    An explanation that reproduces the candidate's output from the reference's input within the floor stands before any that
    only describes; among the former the simplest wins, then the nearest. Others as simple as the first and equally near are
    its `rivals`.

    Args:
        floor: Relative error that a correct implementation in the candidate's precision would have at this place.
        expected: Causes found at other places: a mistake that is written once shows at many. The files that can name them are
            tried first, and where one reproduces the candidate's output as simply as can be, no other is tried.
    """
    if relative_error(case.candidate, case.reference) == 0:
        return ()
    limit = get_candidate_limit(case, floor)
    best: dict[str, Explanation] = {}
    for module in sorted(
        plugins.import_modules(MISTAKES_PACKAGE),
        key=lambda mistake: not set(mistake.NAMES) & set(expected),
    ):
        if any(
            explanation.cause in expected and explanation.reproduced and explanation.complexity <= 1
            for explanation in best.values()
        ):
            break
        with np.errstate(all="ignore"):  # trying a mistake that is none may overflow
            for explanation in module.explain(case, floor):
                if explanation.reproduced and not explanation.residual <= limit:
                    continue
                best_so_far = best.get(explanation.cause)
                if best_so_far is None or _rank_explanation(explanation) < _rank_explanation(
                    best_so_far
                ):
                    best[explanation.cause] = explanation
    ranked = sorted(best.values(), key=_rank_explanation)[:MAX_EXPLANATIONS]
    if not ranked:
        return ()
    first = ranked[0]
    rivals = tuple(
        explanation.cause
        for explanation in ranked[1:]
        if (explanation.reproduced, explanation.complexity) == (first.reproduced, first.complexity)
    )
    return (replace(first, rivals=rivals), *ranked[1:])


def _rank_explanation(explanation: Explanation) -> tuple[bool, int, float]:
    return (
        not explanation.reproduced,
        explanation.complexity,
        explanation.residual if np.isfinite(explanation.residual) else 0.0,
    )
