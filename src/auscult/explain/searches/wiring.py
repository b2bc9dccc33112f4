"""What the two sides write between their modules, and how little the two differ.

Both tensors of a place are written as a short expression over the tensors that were known before, such as
`leaky_relu(mean(a, b, c), 0.1)`. The difference of the two expressions is the mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.explain.algebra.activations import USUAL_SLOPES
from auscult.explain.algebra.expressions import Expression, find_expressions
from auscult.explain.algebra.layers import normalise_axes
from auscult.explain.algebra.nearness import to_float64
from auscult.explain.algebra.norms import NORM_TYPE_PATTERN, apply_written_norm
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches import run_once_per_case
from auscult.weights import Array

SEARCH = "wiring"
MAX_EXPRESSIONS = 12
"""Expressions of each side that are held against those of the other.

Chosen, not measured."""
MAX_FACTOR_MISFIT = 1e-4
"""How far the ratio of two factors may lie from a number of branches.

Chosen, not measured."""
SMOOTH_UNDER_NORM = frozenset({"identity", "relu", "leaky_relu"})
"""Functions that may lie on either side of a norm that was moved."""
NormChangeKind = Literal["missing", "extra", "before", "after"]


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
        """What each side computes, in words."""
        return {"reference": self.reference.says, "candidate": self.candidate.says}

    @property
    def missing_terms(self) -> set[str]:
        """Tensors that the reference uses here, and the candidate does not."""
        return set(self.reference.terms) - set(self.candidate.terms)

    @property
    def extra_terms(self) -> set[str]:
        """Tensors that the candidate uses here, and the reference does not."""
        return set(self.candidate.terms) - set(self.reference.terms)

    @property
    def has_same_wiring(self) -> bool:
        """Whether both sides join the same tensors in the same way."""
        return (
            self.reference.terms == self.candidate.terms
            and self.reference.join == self.candidate.join
        )

    @property
    def changes_only_terms(self) -> bool:
        """Whether the function over the terms is the same, or differs only because a norm or a factor moved."""
        return (
            self.reference.activation.says == self.candidate.activation.says
            or self._has_moved_norm
            or self.has_branch_factor
        )

    @property
    def _has_moved_norm(self) -> bool:
        """Both sides norm, one before and one behind its activation."""
        sides = (self.reference, self.candidate)
        return {side.activation.name for side in sides} <= SMOOTH_UNDER_NORM and all(
            side.join == "one" and "_norm(" in side.terms[0] for side in sides
        )

    @property
    def has_branch_factor(self) -> bool:
        """A sum of n branches that is n times their mean, where one of them is written as a factor."""
        factors = (
            self.reference.activation.constant or 1.0,
            self.candidate.activation.constant or 1.0,
        )
        ratio = factors[0] / factors[1] if factors[1] else 0.0
        count = len(self.reference.terms)
        names = {self.reference.activation.name, self.candidate.activation.name}
        return (
            names <= {"scale", "identity"}
            and self.reference.terms == self.candidate.terms
            and count > 1
            and min(abs(ratio - count), abs(ratio * count - 1)) < MAX_FACTOR_MISFIT
        )

    def to_explanation(self, cause: str, message: str, *, extra_complexity: int = 0) -> Explanation:
        """The explanation of a place by another join of tensors."""
        return Explanation(
            cause,
            self.parameters,
            self.candidate.error,
            message,
            fix=f"compute {self.reference.says} here",
            complexity=max(self.steps, 1) + extra_complexity + self.candidate.activation.fitted,
        )


@dataclass(frozen=True)
class NormChange:
    """A norm that stands at another place, or on one side alone.

    Attributes:
        kind: `missing` and `extra`: on the reference's or on the candidate's side alone. `before` and `after`: the candidate
            applies it before or after this place, the reference the other way round.
        norm: Path of the norm's module; None for a norm that the code applies without a module.
    """

    kind: NormChangeKind
    reference_term: str
    candidate_term: str
    norm: str | None = None


@run_once_per_case
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


def find_join_differences(case: LayerCase, floor: float) -> tuple[WiringDifference, ...]:
    """Those in which other tensors are joined, or the same in another way."""
    return tuple(
        difference
        for difference in find_wiring_differences(case, floor)
        if difference.changes_only_terms
    )


def has_same_terms(difference: WiringDifference) -> bool:
    """Whether both sides use the same tensors, in whatever order."""
    return not difference.missing_terms and not difference.extra_terms


def is_replacement(difference: WiringDifference) -> bool:
    """Whether the two sides join as many tensors in the same way, but not the same ones."""
    reference, candidate = difference.reference, difference.candidate
    return (
        not has_same_terms(difference)
        and reference.join == candidate.join
        and len(reference.terms) == len(candidate.terms)
    )


def find_norm_change(case: LayerCase, difference: WiringDifference) -> NormChange | None:
    """The norm that makes one tensor stand where another should; None where no norm is concerned."""
    if not is_replacement(difference):
        return None
    terms = zip(difference.reference.terms, difference.candidate.terms, strict=True)
    for reference_term, candidate_term in terms:
        if reference_term == candidate_term:
            continue
        change = _find_written_norm(reference_term, candidate_term) or _find_norm_module(
            case, reference_term, candidate_term
        )
        if change is not None:
            return change
    return None


def _find_written_norm(reference_term: str, candidate_term: str) -> NormChange | None:
    """A norm that code applies between modules, without a module of its own."""
    kind: NormChangeKind
    if "_norm(" in reference_term and "_norm(" not in candidate_term:
        kind = "missing"
    elif "_norm(" in candidate_term and "_norm(" not in reference_term:
        kind = "extra"
    elif "_norm(" in reference_term and ("leaky" in reference_term) != ("leaky" in candidate_term):
        kind = "before" if "leaky" in reference_term else "after"
    else:
        return None
    return NormChange(kind, reference_term, candidate_term)


def _find_norm_module(
    case: LayerCase, reference_term: str, candidate_term: str
) -> NormChange | None:
    norm = _read_norm_path(case, reference_term)
    if norm is not None:
        kind: NormChangeKind = "after" if norm in case.candidate_calls else "missing"
        return NormChange(kind, reference_term, candidate_term, norm)
    norm = _read_norm_path(case, candidate_term)
    if norm is not None:
        return NormChange("before", reference_term, candidate_term, norm)
    return None


def _read_norm_path(case: LayerCase, term: str) -> str | None:
    """The norm that gave a tensor of the context, real (`norm1:output`) or tried (`norm1(x)`)."""
    path = term.partition(":")[0].partition("(")[0]
    module = case.attributes.get(path)
    is_output = term.endswith(":output") or "(" in term
    if module is not None and is_output and NORM_TYPE_PATTERN.search(module.type):
        return path
    return None


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
    """What a neighbouring norm would give for a tensor at hand, if the candidate applied it here; and what those give that the
    reference calls behind this place: the candidate may have called them before.
    """
    latest = list(case.context.items())[-3:] + list(case.context.items())[:1]
    called_later = {
        key: value for key, value in case.later.items() if _read_norm_path(case, key) is not None
    }
    return dict(_iter_norm_outputs(case, latest)) | called_later


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


def lacks_summands(difference: WiringDifference) -> bool:
    """Whether the reference joins tensors by a sum or mean, and the candidate only some of them."""
    return bool(
        difference.reference.join in {"sum", "mean"}
        and difference.candidate.join in {"one", "sum", "mean"}
        and difference.missing_terms
        and not difference.extra_terms
    )


def is_norm_called_too_early(case: LayerCase, difference: WiringDifference) -> bool:
    """Whether the place is what reaches a norm that the candidate calls before it has the summand that is missing there."""
    calls = case.candidate_calls
    missing_paths = [term.partition(":")[0] for term in difference.missing_terms]
    return (
        case.role.startswith("input")
        and lacks_summands(difference)
        and bool(NORM_TYPE_PATTERN.search(case.module.type))
        and case.path in calls
        and all(
            path in calls and calls.index(path) > calls.index(case.path) for path in missing_paths
        )
    )


def is_residual_sum(expression: Expression) -> bool:
    """Whether it is a sum of two tensors, as a residual connection is."""
    return len(expression.terms) == 2 and expression.join == "sum"


def get_input_of_equal_shape(case: LayerCase) -> Array | None:
    """What the module took, where the place is its output and all three tensors have one shape."""
    x = case.input
    if (
        case.role != "output"
        or x is None
        or x.shape != case.reference.shape
        or x.shape != case.candidate.shape
    ):
        return None
    return x
