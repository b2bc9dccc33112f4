"""A layer that does nothing: it gives back what came in, as an identity put in its place does."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.algebra.nearness import relative_error
from auscult.explain.algebra.norms import NORM_TYPE_PATTERN
from auscult.explain.case import Explanation, LayerCase

NAMES = ("norm-missing",)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:  # noqa: ARG001 - one signature for all
    x = case.input
    if (
        case.role != "output"
        or x is None
        or x.shape != case.candidate.shape
        or not NORM_TYPE_PATTERN.search(case.module.type)
    ):
        return
    message = f"it gives back what came in, where the reference normalises ({case.module.type})"
    yield Explanation(
        "norm-missing",
        {},
        relative_error(case.candidate, x),
        message,
        fix=f"apply the reference's {case.module.type} here",
    )
