"""The function between two layers is another one, has another constant, is missing, or is one too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from auscult.explain.algebra.activations import GELUS, Activation, candidates
from auscult.explain.algebra.nearness import error, real, tolerance
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import Difference, differences
from auscult.weights import Array

NAMES = (
    "activation-missing",
    "activation-extra",
    "activation-wrong",
    "leaky-slope",
    "gelu-variant",
    "factor",
)
LEAKY = frozenset({"relu", "leaky_relu"})
LOPSIDED = 0.6
"""rms of the negative elements over that of the positive ones, below which a tensor has been through a leaky ReLU."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    for found in differences(case, floor):
        same = (
            found.reference.terms == found.candidate.terms
            and found.reference.join == found.candidate.join
        )
        if same and found.reference.factors != found.candidate.factors:
            yield _weighted(found)
        elif same:
            cause, says = _cause(found.reference.activation, found.candidate.activation)
            yield _explained(
                cause,
                says,
                found.reference.activation,
                found.candidate.activation,
                found.candidate.error,
                found.parameters,
            )
    yield from _on_the_output(case)


def _weighted(found: Difference) -> Explanation:
    """The same terms with other factors."""
    says = f"it computes {found.candidate.says}, the reference {found.reference.says}"
    fix = f"compute {found.reference.says} here"
    return Explanation(
        "factor", found.parameters, found.candidate.error, says, fix=fix, complexity=2
    )


def _on_the_output(case: LayerCase) -> Iterator[Explanation]:
    """With nothing known inside the layer: the candidate's output is a function of the reference's, or the reverse."""
    if case.reference.shape != case.candidate.shape or case.reference.dtype.kind not in "f":
        return
    plain = Activation("identity", lambda x: x)
    right, got = real(case.reference), real(case.candidate)
    for one in candidates(right.ravel(), got.ravel()):
        if one.name == "leaky_relu" and _is_lopsided(right):
            times = f"its leaky ReLU has {one.constant:.4g} times the reference's slope"
            missed = error(one.function(right), got)
            yield Explanation(
                "leaky-slope",
                {"times": one.constant},
                missed,
                times,
                fix="use the reference's slope",
                complexity=3,
            )
        elif one.name in {"tanh", "clamp", "relu", "leaky_relu", "sigmoid"}:
            yield _explained(
                "activation-extra",
                _cause(plain, one)[1],
                plain,
                one,
                error(one.function(right), got),
                {},
                extra=2,
            )
        if one.name == "scale":
            yield _explained(
                "factor",
                _cause(plain, one)[1],
                plain,
                one,
                error(one.function(right), got),
                {},
                extra=4,
            )
    for one in candidates(got.ravel(), right.ravel()):
        lost = error(one.function(got), right)
        if one.name in {
            "tanh",
            "relu",
            "gelu",
            "gelu_tanh",
            "silu",
            "mish",
            "sigmoid",
            "elu",
            "leaky_relu",
        } and lost <= tolerance(case.reference):
            yield _explained(
                "activation-missing", _cause(one, plain)[1], one, plain, lost, {}, extra=2
            )


def _is_lopsided(x: Array) -> bool:
    """Whether a leaky ReLU made it: a second one on top would be the first with another slope."""
    negative, positive = x[x < 0], x[x > 0]
    return len(negative) > 0 < len(positive) and float(np.mean(negative**2)) < LOPSIDED**2 * float(
        np.mean(positive**2)
    )


def _cause(right: Activation, got: Activation) -> tuple[str, str]:
    names = {right.name, got.name}
    if names <= LEAKY:
        return (
            "leaky-slope",
            f"its leaky ReLU has slope {got.constant or 0:.4g}, the reference's {right.constant or 0:.4g}",
        )
    if names <= GELUS:
        return "gelu-variant", f"it computes {got.name}, the reference {right.name}"
    if "scale" in names and names <= {"scale", "identity"}:
        factor = (got.constant or 1.0) / (right.constant or 1.0)
        return "factor", f"it multiplies by {factor:.6g} what the reference does not"
    if right.name == "identity":
        return "activation-extra", f"it applies {got.says} where the reference applies nothing"
    if got.name == "identity":
        return "activation-missing", f"the reference applies {right.says}, the candidate nothing"
    return "activation-wrong", f"it applies {got.says} where the reference applies {right.says}"


def _explained(  # noqa: PLR0917
    cause: str,
    says: str,
    right: Activation,
    got: Activation,
    residual: float,
    readings: Any,
    *,
    extra: int = 0,
) -> Explanation:
    return Explanation(
        cause,
        {"reference": right.says, "candidate": got.says},
        residual,
        says,
        fix=f"apply {right.says} here" if right.name != "identity" else f"remove {got.says} here",
        complexity=1 + got.fitted + extra,
        evidence=dict(readings),
    )
