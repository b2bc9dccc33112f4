"""Try every known mistake on a place where an error is born, and keep those that reproduce what the candidate computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from auscult import plugins
from auscult.explain.algebra.nearness import error
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import candidate_limit

MISTAKES = "auscult.explain.mistakes"
MOST = 5


def explain(
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
    if error(case.candidate, case.reference) == 0:
        return ()
    limit = candidate_limit(case, floor)
    best: dict[str, Explanation] = {}
    for module in sorted(
        plugins.modules(MISTAKES), key=lambda known: not set(known.NAMES) & set(expected)
    ):
        if any(
            one.cause in expected and one.reproduced and one.complexity <= 1
            for one in best.values()
        ):
            break
        with np.errstate(all="ignore"):  # trying a mistake that is none may overflow
            for one in module.explain(case, floor):
                if one.reproduced and not one.residual <= limit:
                    continue
                held = best.get(one.cause)
                if held is None or _order(one) < _order(held):
                    best[one.cause] = one
    ranked = sorted(best.values(), key=_order)[:MOST]
    if not ranked:
        return ()
    first = ranked[0]
    rivals = tuple(
        one.cause
        for one in ranked[1:]
        if (one.reproduced, one.complexity) == (first.reproduced, first.complexity)
    )
    return (replace(first, rivals=rivals), *ranked[1:])


def _order(one: Explanation) -> tuple[bool, int, float]:
    return (not one.reproduced, one.complexity, one.residual if np.isfinite(one.residual) else 0.0)
