"""The function between two layers is another one, has another constant, is missing, or is one too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from auscult.explain.algebra.activations import GELU_NAMES, Activation, iter_fitting_activations
from auscult.explain.algebra.nearness import get_rounding_tolerance, relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import WiringDifference, find_wiring_differences
from auscult.weights import Array

NAMES = (
    "activation-missing",
    "activation-extra",
    "activation-wrong",
    "leaky-slope",
    "gelu-variant",
    "factor",
)
LEAKY_NAMES = frozenset({"relu", "leaky_relu"})
MAX_LOPSIDED_RATIO = 0.6
"""rms of the negative elements over that of the positive ones, below which a tensor has been through a leaky ReLU."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    for difference in find_wiring_differences(case, floor):
        is_same_wiring = (
            difference.reference.terms == difference.candidate.terms
            and difference.reference.join == difference.candidate.join
        )
        if is_same_wiring and difference.reference.factors != difference.candidate.factors:
            yield _explain_factors(difference)
        elif is_same_wiring:
            cause, message = _choose_cause(
                difference.reference.activation, difference.candidate.activation
            )
            yield _build_explanation(
                cause,
                message,
                difference.reference.activation,
                difference.candidate.activation,
                difference.candidate.error,
                difference.parameters,
            )
    yield from _explain_from_output(case)


def _explain_factors(difference: WiringDifference) -> Explanation:
    """The same terms with other factors."""
    message = f"it computes {difference.candidate.says}, the reference {difference.reference.says}"
    fix = f"compute {difference.reference.says} here"
    return Explanation(
        "factor", difference.parameters, difference.candidate.error, message, fix=fix, complexity=2
    )


def _explain_from_output(case: LayerCase) -> Iterator[Explanation]:
    """With nothing known inside the layer: the candidate's output is a function of the reference's, or the reverse."""
    if case.reference.shape != case.candidate.shape or case.reference.dtype.kind not in "f":
        return
    identity = Activation("identity", lambda x: x)
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    for activation in iter_fitting_activations(reference.ravel(), candidate.ravel()):
        if activation.name == "leaky_relu" and _is_lopsided(reference):
            message = f"its leaky ReLU has {activation.constant:.4g} times the reference's slope"
            residual = relative_error(activation.function(reference), candidate)
            yield Explanation(
                "leaky-slope",
                {"times": activation.constant},
                residual,
                message,
                fix="use the reference's slope",
                complexity=3,
            )
        elif activation.name in {"tanh", "clamp", "relu", "leaky_relu", "sigmoid"}:
            yield _build_explanation(
                "activation-extra",
                _choose_cause(identity, activation)[1],
                identity,
                activation,
                relative_error(activation.function(reference), candidate),
                {},
                extra_complexity=2,
            )
        if activation.name == "scale":
            yield _build_explanation(
                "factor",
                _choose_cause(identity, activation)[1],
                identity,
                activation,
                relative_error(activation.function(reference), candidate),
                {},
                extra_complexity=4,
            )
    for activation in iter_fitting_activations(candidate.ravel(), reference.ravel()):
        inverse_residual = relative_error(activation.function(candidate), reference)
        if activation.name in {
            "tanh",
            "relu",
            "gelu",
            "gelu_tanh",
            "silu",
            "mish",
            "sigmoid",
            "elu",
            "leaky_relu",
        } and inverse_residual <= get_rounding_tolerance(case.reference):
            yield _build_explanation(
                "activation-missing",
                _choose_cause(activation, identity)[1],
                activation,
                identity,
                inverse_residual,
                {},
                extra_complexity=2,
            )


def _is_lopsided(x: Array) -> bool:
    """Whether a leaky ReLU made it: a second one on top would be the first with another slope."""
    negative, positive = x[x < 0], x[x > 0]
    return len(negative) > 0 < len(positive) and float(
        np.mean(negative**2)
    ) < MAX_LOPSIDED_RATIO**2 * float(np.mean(positive**2))


def _choose_cause(reference: Activation, candidate: Activation) -> tuple[str, str]:
    names = {reference.name, candidate.name}
    if names <= LEAKY_NAMES:
        return (
            "leaky-slope",
            f"its leaky ReLU has slope {candidate.constant or 0:.4g}, the reference's {reference.constant or 0:.4g}",
        )
    if names <= GELU_NAMES:
        return "gelu-variant", f"it computes {candidate.name}, the reference {reference.name}"
    if "scale" in names and names <= {"scale", "identity"}:
        factor = (candidate.constant or 1.0) / (reference.constant or 1.0)
        return "factor", f"it multiplies by {factor:.6g} what the reference does not"
    if reference.name == "identity":
        return (
            "activation-extra",
            f"it applies {candidate.says} where the reference applies nothing",
        )
    if candidate.name == "identity":
        return (
            "activation-missing",
            f"the reference applies {reference.says}, the candidate nothing",
        )
    return (
        "activation-wrong",
        f"it applies {candidate.says} where the reference applies {reference.says}",
    )


def _build_explanation(  # noqa: PLR0917
    cause: str,
    message: str,
    reference: Activation,
    candidate: Activation,
    residual: float,
    evidence: Any,
    *,
    extra_complexity: int = 0,
) -> Explanation:
    return Explanation(
        cause,
        {"reference": reference.says, "candidate": candidate.says},
        residual,
        message,
        fix=f"apply {reference.says} here"
        if reference.name != "identity"
        else f"remove {candidate.says} here",
        complexity=1 + candidate.fitted + extra_complexity,
        evidence=dict(evidence),
    )
