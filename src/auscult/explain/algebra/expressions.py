"""Write a tensor as a short expression over tensors that were known before: `leaky_relu(mean(a, b, c), 0.1)`.

What the reference's code does between two modules is found from the reference's trace, what the candidate's does from the
candidate's; the difference of the two expressions is the mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from auscult.explain.algebra.activations import (
    Activation,
    iter_fitting_activations,
    round_to_usual_factor,
)
from auscult.explain.algebra.joined_terms import (
    MAX_COUNT_MISFIT,
    JoinedTerms,
    iter_joined_terms,
    iter_single_terms,
)
from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.weights import Array

MIN_CORRELATION = 0.55
"""Of a join with the target, below which no function over it is tried.

Chosen, not measured."""
SCREENED_ELEMENTS = 2048
"""Elements on which an expression is tried before all are.

Chosen, not measured."""
SCREENING_SLACK = 3.0
"""Limits that the error of these elements may have: they may be worse than the whole.

Chosen, not measured."""
SURE_SHARE_OF_LIMIT = 0.1
"""Share of the limit within which one tensor by itself ends the search.

Chosen, not measured."""
MIN_FACTOR = 1e-6
"""Fitted factors of smaller magnitude are none.

Chosen, not measured."""


@dataclass(frozen=True)
class Expression:
    """activation(join(terms)).

    Attributes:
        join: `one`, `sum`, `difference`, `mean`, `concat`, `product`, `gate` (one half times an activated half is not tried).
        axis: Of a concatenation.
        factors: Of the terms of a weighted sum, fitted; of equal terms, the share that each has.
    """

    terms: tuple[str, ...]
    join: str
    activation: Activation
    error: float = 0.0
    axis: int | None = None
    factors: tuple[float, ...] = ()

    @property
    def complexity(self) -> float:
        free = self.activation.fitted + len(self.factors) / 2
        return (
            len(self.terms)
            + (self.join not in {"one", "sum", "concat"})
            + (self.activation.name != "identity")
            + 2 * free
        )

    @property
    def says(self) -> str:
        names = ", ".join(self.terms)
        if self.factors:
            names = ", ".join(
                f"{f:.6g} * {t}" for f, t in zip(self.factors, self.terms, strict=False)
            )
        inner = names if self.join == "one" else f"{self.join}({names})"
        if self.activation.name == "identity":
            return inner
        if self.activation.name == "scale":
            return f"{self.activation.constant:.6g} * {inner}"
        name, _, constant = self.activation.says.partition("(")
        return f"{name}({inner}{', ' + constant if constant else ')'}"


def find_expressions(
    target: Array,
    context: Mapping[str, Array],
    limit: float,
    alone: Mapping[str, Array] | None = None,
) -> list[Expression]:
    """Expressions that give the target within that relative error, the simplest and nearest first.

    Args:
        context: Tensors known before, oldest first; later ones are tried first.
        alone: Further tensors, tried only by themselves.
    """
    if target.dtype.kind not in "f" and target.dtype.name != "bfloat16":
        return []
    target_values = to_float64(target)
    drawn_indices = _draw_indices(target_values)
    matches: list[Expression] = []
    for joined_terms in chain(
        iter_single_terms(target_values, alone or {}),
        iter_joined_terms(target_values, context, drawn_indices),
    ):
        matches += _iter_matches(joined_terms, target_values, drawn_indices, limit)
        if any(e.complexity <= 1 and e.error < SURE_SHARE_OF_LIMIT * limit for e in matches):
            break
    if not matches:
        matches = list(_fit_weighted_sums(target_values, drawn_indices, context, limit))
    return sorted(
        (_sort_terms(expression, {**context, **(alone or {})}) for expression in matches),
        key=lambda e: (e.complexity, e.error),
    )


def _iter_matches(
    joined_terms: JoinedTerms, target: Array, drawn_indices: Array, limit: float
) -> Iterator[Expression]:
    """Functions over one join that give the target."""
    for activation in _screen_activations(
        joined_terms.values.ravel()[drawn_indices],
        target.ravel()[drawn_indices],
        limit,
        alone=joined_terms.join == "one",
    ):
        if activation.name == "scale" and _is_term_count(activation.constant or 0.0, joined_terms):
            continue  # the sum of n is not n times their mean, but their sum
        misfit = relative_error(activation.function(joined_terms.values), target)
        if misfit <= limit:
            yield Expression(
                joined_terms.terms,
                joined_terms.join,
                activation,
                misfit,
                joined_terms.axis,
                joined_terms.factors,
            )


def _is_term_count(factor: float, joined_terms: JoinedTerms) -> bool:
    count = len(joined_terms.terms)
    return (
        joined_terms.join in {"sum", "mean"}
        and min(abs(factor - count), abs(factor * count - 1)) < MAX_COUNT_MISFIT
    )


def _sort_terms(expression: Expression, context: Mapping[str, Array]) -> Expression:
    """With its terms in the order in which they were computed, where that does not matter."""
    order = {name: index for index, name in enumerate(context)}
    if expression.factors or expression.join not in {"one", "sum", "mean"}:
        return expression
    return replace(expression, terms=tuple(sorted(expression.terms, key=order.__getitem__)))


def _fit_weighted_sums(
    target: Array, drawn_indices: Array, context: Mapping[str, Array], limit: float
) -> Iterator[Expression]:
    """a * one + b * two, perhaps under a mask, with factors fitted to the drawn elements."""
    identity = Activation("identity", lambda x: x)
    for joined_terms in iter_joined_terms(target, context, drawn_indices, weighted=True):
        parts = joined_terms.values.reshape(2, -1)
        solution, *_ = np.linalg.lstsq(
            parts[:, drawn_indices].T, target.ravel()[drawn_indices], rcond=None
        )
        if (np.abs(solution) > MIN_FACTOR).all():
            factors = tuple(round_to_usual_factor(float(f)) for f in solution)
            misfit = relative_error((np.array(factors) @ parts).reshape(target.shape), target)
            if misfit <= limit:
                yield Expression(
                    joined_terms.terms, joined_terms.join, identity, misfit, None, factors
                )


def _draw_indices(target: Array) -> Array:
    if target.size <= SCREENED_ELEMENTS:
        return np.arange(target.size)
    return np.sort(np.random.default_rng(0).choice(target.size, SCREENED_ELEMENTS, replace=False))


def _screen_activations(x: Array, y: Array, limit: float, *, alone: bool) -> Iterator[Activation]:
    """Functions that give the drawn elements y from x within a few times the limit.

    Of joined tensors (not `alone`) only those are tried that go roughly with the target, as any usual activation's input does.
    """
    if not alone and not _is_correlated(x, y):
        return
    finite = np.isfinite(y).all()
    power = float(np.dot(y, y)) if finite else 0.0
    allowed = (SCREENING_SLACK * limit + 1e-12) ** 2 * power
    for activation in iter_fitting_activations(x, y):
        with np.errstate(all="ignore"):
            result = activation.function(x)
            if finite and power:
                difference = result - y
                is_near = float(np.dot(difference, difference)) <= allowed
            else:
                is_near = relative_error(result, y) <= SCREENING_SLACK * limit + 1e-12
        if is_near:
            yield activation


def _is_correlated(x: Array, y: Array) -> bool:
    with np.errstate(all="ignore"):
        centred_x, centred_y = x - x.mean(), y - y.mean()
        product = float(np.dot(centred_x, centred_y))
        return product**2 > MIN_CORRELATION**2 * float(np.dot(centred_x, centred_x)) * float(
            np.dot(centred_y, centred_y)
        )
