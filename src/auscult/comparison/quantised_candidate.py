"""An int8 export: its weights are rounded before, and what comes into a layer while it runs.

Its rounding hides faults of the same size. The candidate is therefore judged as the float model that it stands for: each weight
that is a weight of the reference within half a step of its grid counts as that one, the others are dequantised, and nothing is
rounded while it runs. What the rounding of both adds is measured between such runs, and said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from auscult.comparison.exact_weights import ExactWeights
from auscult.comparison.locate.aligned_sides import ComparedRuns
from auscult.comparison.locate.forced import run_replaying_noise
from auscult.comparison.measure.output_error import measure_output_error
from auscult.comparison.rounded_weights import WeightRounding
from auscult.errors import AuscultError
from auscult.finding import Skip

MAX_PRODUCT_ERROR = 1e-3
"""Relative error of a product of integers up to which its kernel is taken to compute it.

Exact sums give below 1e-6, a kernel that saturates in 16 bits about 0.1.

Chosen, not measured.
"""


@dataclass(frozen=True)
class CandidateQuantisation:
    """What rounding does in an int8 candidate.

    Attributes:
        restored, kept: Names of its weights that are the reference's within half a step, and of those that are not.
        weight_error: Relative error that the rounded weights make at the model's output; None where it could not be compared.
        activation_error: The same for rounding what comes into the layers, with the same weights.
        output_error: What both do together.
        product_errors: Operators whose product is not what their integers give, with the relative error.
    """

    restored: tuple[str, ...]
    kept: tuple[str, ...]
    weight_error: float | None
    activation_error: float | None
    output_error: float | None
    product_errors: Mapping[str, float]

    @property
    def says(self) -> str:
        """What a report says of it."""
        total = len(self.restored) + len(self.kept)
        sentence = (
            f"int8 candidate: {len(self.restored)} of {total} quantised weights are the reference's within half a step, and it"
            " is judged with these and without rounded activations"
        )
        errors = {"weights": self.weight_error, "activations": self.activation_error}
        known = [f"{name} {error:.1e}" for name, error in errors.items() if error is not None]
        if known:
            sentence += f"; expected error of rounding at the output: {', '.join(known)}"
        return sentence


def undo_candidate_quantisation(
    runs: ComparedRuns,
) -> tuple[ComparedRuns, CandidateQuantisation | None, tuple[Skip, ...]]:
    """The runs with the float model that an int8 candidate stands for; as they are where it is none, or where that model
    does not run: then it is said why.
    """
    runner: Any = runs.candidate_runner
    inputs = runs.candidate_inputs or runs.inputs
    if not hasattr(runner, "without_quantisation") or inputs is None:
        return runs, None, ()
    exact_weights = ExactWeights(runs.reference_runner)
    try:
        rounded_runner = runner.without_quantisation()
        if rounded_runner is None:
            return runs, None, ()
        exact_runner = runner.without_quantisation(exact_weights.restore)
        rounded = run_replaying_noise(rounded_runner, inputs, runs.reference)
        exact = run_replaying_noise(exact_runner, inputs, runs.reference)
    except AuscultError as error:
        reason = (
            "the float model that the int8 candidate stands for does not run, so that the candidate was compared as it is, with"
            f" its rounding: {error}"
        )
        return runs, None, (Skip("quantisation", reason),)
    product_errors: dict[str, float] = {}
    if hasattr(runner, "measure_product_errors"):
        product_errors = runner.measure_product_errors(inputs)
    rounding = CandidateQuantisation(
        tuple(exact_weights.restored),
        tuple(exact_weights.kept),
        measure_output_error(exact, rounded),
        measure_output_error(rounded, runs.candidate),
        measure_output_error(exact, runs.candidate),
        {path: error for path, error in product_errors.items() if error > MAX_PRODUCT_ERROR},
    )
    return replace(runs, candidate=exact, candidate_runner=exact_runner), rounding, ()


def get_rounded_output_error(
    rounding: WeightRounding | None, quantisation: CandidateQuantisation | None
) -> float | None:
    """How far rounding alone takes the candidate's output; None where nothing in it is rounded."""
    if quantisation is not None:
        return quantisation.output_error
    if rounding is not None:
        return rounding.output_error
    return None
