"""How two expressions of one place differ: other terms, another join, another function, a norm at another place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from auscult.explain.algebra.expressions import Expression
from auscult.explain.case import Explanation

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


def lacks_summands(difference: WiringDifference) -> bool:
    """Whether the reference joins tensors by a sum or mean, and the candidate only some of them."""
    return bool(
        difference.reference.join in {"sum", "mean"}
        and difference.candidate.join in {"one", "sum", "mean"}
        and difference.missing_terms
        and not difference.extra_terms
    )


def is_residual_sum(expression: Expression) -> bool:
    """Whether it is a sum of two tensors, as a residual connection is."""
    return len(expression.terms) == 2 and expression.join == "sum"
