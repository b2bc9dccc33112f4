"""What the two sides write between their modules, and how little the two differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from auscult.explain.algebra.activations import USUAL_SLOPES
from auscult.explain.algebra.expressions import Expression, find_expressions
from auscult.explain.algebra.layers import normalise_axes
from auscult.explain.algebra.nearness import get_rounding_tolerance, relative_error, to_float64
from auscult.explain.algebra.norms import NORM_TYPE_PATTERN, apply_written_norm
from auscult.explain.case import LayerCase
from auscult.weights import Array

FLOOR_SLACK = (
    3.0  # how far above the floor a reproduction may lie: the floor is a measured rms, not a bound
)
MAX_EXPRESSIONS = 12


def get_reference_limit(case: LayerCase) -> float:
    """The relative error within which an expression counts as what the reference does."""
    return get_rounding_tolerance(case.reference)


def get_candidate_limit(case: LayerCase, floor: float) -> float:
    """The same for the candidate; never so wide that the reference's own tensor would pass."""
    born = relative_error(case.candidate, case.reference)
    widest = 0.34 * born if np.isfinite(born) else 1.0
    return min(max(FLOOR_SLACK * floor, get_rounding_tolerance(case.candidate)), widest)


@dataclass(frozen=True)
class WiringDifference:
    """One reading of both sides.

    Attributes:
        steps: How many of activation, terms and join differ.
    """

    reference: Expression
    candidate: Expression
    steps: int

    @property
    def parameters(self) -> Mapping[str, str]:
        return {"reference": self.reference.says, "candidate": self.candidate.says}


@lru_cache(maxsize=4)
def find_wiring_differences(case: LayerCase, floor: float) -> tuple[WiringDifference, ...]:
    """Readings of the case that reproduce both sides, those that change least first."""
    references, candidates = _find_side_expressions(case, floor, _collect_neighbour_norms(case))
    if not references or not candidates:
        references, candidates = _find_side_expressions(
            case, floor, _collect_neighbour_norms(case) | _collect_functional_norms(case)
        )
    all_differences = [
        WiringDifference(r, c, _count_changed_steps(r, c))
        for r in references
        for c in candidates
        if _count_changed_steps(r, c)
    ]
    return tuple(
        sorted(
            all_differences,
            key=lambda d: (
                d.steps,
                d.reference.complexity + d.candidate.complexity,
                d.candidate.error,
            ),
        )
    )


def _find_side_expressions(
    case: LayerCase, floor: float, alone: Mapping[str, Array]
) -> tuple[list[Expression], list[Expression]]:
    references = find_expressions(case.reference, case.context, get_reference_limit(case), alone)[
        :MAX_EXPRESSIONS
    ]
    if not references:
        return [], []
    return references, find_expressions(
        case.candidate, case.context, get_candidate_limit(case, floor), alone
    )[:MAX_EXPRESSIONS]


def _collect_functional_norms(case: LayerCase) -> dict[str, Array]:
    """Norms without parameters of the latest tensors, and of these behind a leaky ReLU: code may norm between modules."""
    result: dict[str, Array] = {}
    for name, value in list(case.context.items())[-2:]:
        if value.dtype.kind != "f" or value.ndim != 3:
            continue
        x = to_float64(value)
        for slope in (1.0, *USUAL_SLOPES):
            inner = name if slope == 1.0 else f"leaky_relu({name}, {slope:g})"
            y = x if slope == 1.0 else np.where(x >= 0, x, slope * x)
            result[f"instance_norm({inner})"] = normalise_axes(y, (2,), 1e-5)
            result[f"layer_norm({inner})"] = normalise_axes(y, (1,), 1e-5)
    return result


def _count_changed_steps(reference: Expression, candidate: Expression) -> int:
    shared = set(reference.terms) & set(candidate.terms)
    terms = max(len(reference.terms), len(candidate.terms)) - len(shared)
    if not terms and reference.terms != candidate.terms:
        terms = 1  # the same in another order
    is_same_activation = (
        reference.activation.name,
        reference.activation.constant,
        reference.activation.limits,
    ) == (
        candidate.activation.name,
        candidate.activation.constant,
        candidate.activation.limits,
    )
    if reference.factors != candidate.factors and not terms:
        return 1
    return (
        terms
        + (reference.join != candidate.join and len(reference.terms) == len(candidate.terms))
        + (not is_same_activation)
    )


def _collect_neighbour_norms(case: LayerCase) -> dict[str, Array]:
    """What a neighbouring norm would give for a tensor at hand, if the candidate applied it here."""
    latest = list(case.context.items())[-3:] + list(case.context.items())[:1]
    return dict(_iter_norm_outputs(case, latest))


def _iter_norm_outputs(
    case: LayerCase, tensors: list[tuple[str, Array]]
) -> Iterator[tuple[str, Array]]:
    for path, module in case.attributes.items():
        if not NORM_TYPE_PATTERN.search(module.type) or f"{path}:output" in case.context:
            continue
        for name, value in tensors:
            if (
                value.dtype.kind == "f"
                and (
                    norm_output := apply_written_norm(
                        module, case.relatives.get(path, {}), to_float64(value)
                    )
                )
                is not None
            ):
                yield f"{path}({name})", norm_output.astype(np.float32)
