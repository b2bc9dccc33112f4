"""Which function lies over the same tensors on either side: between two layers, or inside one of which only the output is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from auscult.explain.algebra.activations import (
    GELU_NAMES,
    LEAKY_NAMES,
    Activation,
    iter_fitting_activations,
)
from auscult.explain.algebra.nearness import get_rounding_tolerance, relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import run_once_per_case
from auscult.explain.searches.wiring import find_wiring_differences
from auscult.weights import Array

SEARCH = "activations"
IDENTITY = Activation("identity", lambda x: x)
MAX_LOPSIDED_RATIO = 0.6
"""rms of the negative elements over that of the positive ones, below which a tensor has been through a leaky ReLU.

Chosen, not measured."""


@dataclass(frozen=True)
class FunctionChange:
    """One function in place of another.

    Attributes:
        residual: Of the candidate's output, computed so.
        written: What each side computes of tensors that were known before; empty where only the two outputs are known.
    """

    reference: Activation
    candidate: Activation
    residual: float
    written: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Names of both functions."""
        return frozenset((self.reference.name, self.candidate.name))

    @property
    def is_leaky(self) -> bool:
        """Both are (leaky) ReLUs."""
        return self.names <= LEAKY_NAMES

    @property
    def is_gelu(self) -> bool:
        """Both are forms of GELU."""
        return self.names <= GELU_NAMES

    @property
    def is_factor(self) -> bool:
        """One multiplies by a number, the other does nothing or multiplies by another."""
        return "scale" in self.names and self.names <= {"scale", "identity"}

    def to_explanation(self, cause: str, message: str, *, extra_complexity: int = 0) -> Explanation:
        """The explanation of a place by another function."""
        if self.reference.name != "identity":
            fix = f"apply {self.reference.says} here"
        else:
            fix = f"remove {self.candidate.says} here"
        sides = {"reference": self.reference.says, "candidate": self.candidate.says}
        return Explanation(
            cause,
            sides,
            self.residual,
            message,
            fix=fix,
            complexity=1 + self.candidate.fitted + extra_complexity,
            evidence=self.written,
        )


@run_once_per_case
def find_function_changes(case: LayerCase, floor: float) -> tuple[FunctionChange, ...]:
    """Readings of the place in which the same tensors are joined in the same way, under another function."""
    return tuple(
        FunctionChange(
            difference.reference.activation,
            difference.candidate.activation,
            difference.candidate.error,
            difference.parameters,
        )
        for difference in find_wiring_differences(case, floor)
        if difference.has_same_wiring
        and difference.reference.factors == difference.candidate.factors
    )


@run_once_per_case
def find_added_functions(case: LayerCase, floor: float) -> tuple[FunctionChange, ...]:  # noqa: ARG001
    """Functions that give the candidate's output from the reference's, whatever is inside the layer."""
    if not _has_comparable_floats(case):
        return ()
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    return tuple(
        FunctionChange(
            IDENTITY, activation, relative_error(activation.function(reference), candidate)
        )
        for activation in iter_fitting_activations(reference.ravel(), candidate.ravel())
    )


def find_left_out_functions(case: LayerCase) -> Iterator[FunctionChange]:
    """Functions that give the reference's output from the candidate's."""
    if not _has_comparable_floats(case):
        return
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    limit = get_rounding_tolerance(case.reference)
    for activation in iter_fitting_activations(candidate.ravel(), reference.ravel()):
        residual = relative_error(activation.function(candidate), reference)
        if residual <= limit:
            yield FunctionChange(activation, IDENTITY, residual)


def is_lopsided(case: LayerCase) -> bool:
    """Whether a leaky ReLU made the reference's output: a second one on top would be the first with another slope."""
    x: Array = to_float64(case.reference)
    negative, positive = x[x < 0], x[x > 0]
    return len(negative) > 0 < len(positive) and float(
        np.mean(negative**2)
    ) < MAX_LOPSIDED_RATIO**2 * float(np.mean(positive**2))


def _has_comparable_floats(case: LayerCase) -> bool:
    return (
        case.reference.shape == case.candidate.shape
        and case.reference.dtype.kind == "f"
        and case.candidate.dtype.kind != "c"
    )
