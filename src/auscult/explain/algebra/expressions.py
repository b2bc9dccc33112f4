"""Write a tensor as a short expression over tensors that were known before: `leaky_relu(mean(a, b, c), 0.1)`.

What the reference's code does between two modules is found from the reference's trace, what the candidate's does from the
candidate's; the difference of the two expressions is the mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, permutations

import numpy as np

from auscult.explain.algebra.activations import (
    Activation,
    iter_fitting_activations,
    round_to_usual_factor,
)
from auscult.explain.algebra.nearness import orient_axes, relative_error, to_float64
from auscult.explain.algebra.sums import iter_matching_sums
from auscult.weights import Array

MAX_SINGLE_TERMS = 24
"""The latest tensors of the context that are tried by themselves.

Chosen, not measured."""
MAX_PAIRED_TERMS = 10
"""The latest of them that are tried in pairs.

Chosen, not measured."""
MAX_JOINED_TERMS = 12
"""The latest of them that are tried in groups of neighbours.

Chosen, not measured."""
MAX_CONCATENATED_TERMS = 6
"""The latest tensors that are concatenated.

Chosen, not measured."""
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
MAX_COUNT_MISFIT = 1e-4
"""How far a factor may lie from a number of terms, or from one over it.

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


@dataclass(frozen=True, eq=False)
class _JoinedTerms:
    terms: tuple[str, ...]
    join: str
    values: Array
    axis: int | None = None
    factors: tuple[float, ...] = ()


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
        _iter_single_terms(target_values, alone or {}),
        _iter_joined_terms(target_values, context, drawn_indices),
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
    joined_terms: _JoinedTerms, target: Array, drawn_indices: Array, limit: float
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


def _is_term_count(factor: float, joined_terms: _JoinedTerms) -> bool:
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
    for joined_terms in _iter_joined_terms(target, context, drawn_indices, weighted=True):
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


def _iter_joined_terms(
    target: Array, context: Mapping[str, Array], drawn_indices: Array, *, weighted: bool = False
) -> Iterator[_JoinedTerms]:
    latest = [
        name
        for name, value in context.items()
        if value.dtype.kind == "f" or value.dtype.name == "bfloat16"
    ][::-1][:MAX_SINGLE_TERMS]
    value_by_name = {name: to_float64(context[name]) for name in latest}
    fitted_by_name = {
        name: fitted_value
        for name, value in value_by_name.items()
        for fitted_value in [_fit_to_shape(target, value)]
        if fitted_value is not None
    }
    if weighted:
        yield from _iter_weighted_pairs(target, context, fitted_by_name)
        return
    for name, value in fitted_by_name.items():
        yield _JoinedTerms((name,), "one", value)
    yield from _iter_neighbour_groups(fitted_by_name)
    yield from _iter_pairs(fitted_by_name)
    yield from _iter_shared_sums(target, fitted_by_name, drawn_indices)
    yield from _iter_products(target, context, fitted_by_name)
    yield from _iter_concatenations(target, value_by_name)


def _iter_neighbour_groups(fitted_by_name: Mapping[str, Array]) -> Iterator[_JoinedTerms]:
    """Branches that end together: sums and means of three and more neighbours, latest first."""
    names = list(fitted_by_name)[:MAX_JOINED_TERMS]
    for count in range(3, len(names) + 1):
        for start in range(len(names) - count + 1):
            group = tuple(names[start : start + count])
            total = np.sum([fitted_by_name[name] for name in group], axis=0)
            yield _JoinedTerms(group, "sum", total)
            yield _JoinedTerms(group, "mean", total / count)


def _iter_pairs(fitted_by_name: Mapping[str, Array]) -> Iterator[_JoinedTerms]:
    """The sum, the mean and both differences of two tensors."""
    for pair in combinations(list(fitted_by_name)[:MAX_PAIRED_TERMS], 2):
        a, b = (fitted_by_name[name] for name in pair)
        yield _JoinedTerms(pair, "sum", a + b)
        yield _JoinedTerms(pair, "mean", (a + b) / 2)
        yield _JoinedTerms(pair, "difference", a - b)
        yield _JoinedTerms(pair[::-1], "difference", b - a)


def _iter_shared_sums(
    target: Array, fitted_by_name: Mapping[str, Array], drawn_indices: Array
) -> Iterator[_JoinedTerms]:
    """Sums of tensors that are no neighbours, each with the same share."""
    drawn_by_name = {name: value.ravel()[drawn_indices] for name, value in fitted_by_name.items()}
    for terms, factor in iter_matching_sums(target.ravel()[drawn_indices], drawn_by_name):
        total = np.sum([fitted_by_name[name] for name in terms], axis=0)
        share = round_to_usual_factor(factor)
        if len(terms) == 1 and share != 1:
            yield _JoinedTerms(terms, "one", share * total, factors=(share,))
        elif len(terms) > 1 and abs(share * len(terms) - 1) < MAX_COUNT_MISFIT:
            yield _JoinedTerms(terms, "mean", total / len(terms))
        elif share == 1:
            yield _JoinedTerms(terms, "sum", total)
        else:
            yield _JoinedTerms(terms, "sum", share * total, factors=(share,) * len(terms))


def _iter_single_terms(target: Array, tensors: Mapping[str, Array]) -> Iterator[_JoinedTerms]:
    for name, value in tensors.items():
        if (
            value.dtype.kind == "f"
            and (fitted_value := _fit_to_shape(target, to_float64(value))) is not None
        ):
            yield _JoinedTerms((name,), "one", fitted_value)


def _iter_weighted_pairs(
    target: Array, context: Mapping[str, Array], fitted_by_name: Mapping[str, Array]
) -> Iterator[_JoinedTerms]:
    """Two tensors each, one above the other, for a fit of their factors."""
    masks = {
        name: spread
        for name, factor in context.items()
        if (spread := _spread_binary_mask(factor, target.shape)) is not None
    }
    for first_name, second_name in combinations(list(fitted_by_name)[:MAX_PAIRED_TERMS], 2):
        yield _JoinedTerms(
            (first_name, second_name),
            "sum",
            np.stack([fitted_by_name[first_name], fitted_by_name[second_name]]),
        )
        for name, spread in masks.items():
            yield _JoinedTerms(
                (first_name, second_name, name),
                "masked sum",
                np.stack(
                    [fitted_by_name[first_name] * spread, fitted_by_name[second_name] * spread]
                ),
            )


def _spread_binary_mask(factor: Array, shape: tuple[int, ...]) -> Array | None:
    """Zeros and ones that can lie over that shape, unless they are all ones."""
    if not np.isin(factor, (0, 1)).all() or factor.all():
        return None
    return broadcast_to_shape(to_float64(factor), shape)


def _fit_to_shape(target: Array, value: Array) -> Array | None:
    """The value in the target's shape: as it is, with its axes in another order, or with axes of length one."""
    if value.shape == target.shape:
        return value
    if value.size != target.size:
        if value.ndim > 1 and 1 < value.size < target.size:
            return broadcast_to_shape(value, target.shape)
        return None
    oriented_value = orient_axes(target, value)
    if oriented_value.shape == target.shape:
        return oriented_value
    return None


def _iter_products(
    target: Array, context: Mapping[str, Array], fitted_by_name: Mapping[str, Array]
) -> Iterator[_JoinedTerms]:
    """Each tensor times each other one that is broadcast over it: masks, gains, gates. A mask that keeps all is no product."""
    names = list(fitted_by_name)[:MAX_PAIRED_TERMS]
    for other, factor in context.items():
        spread = broadcast_to_shape(to_float64(factor), target.shape)
        if spread is None or (spread == 1).all():
            continue
        for name in names:
            if name != other:
                yield _JoinedTerms((name, other), "product", fitted_by_name[name] * spread)
        if np.isin(factor, (0, 1)).all():  # a mask may also lie on a sum
            for first_name, second_name in combinations(
                [name for name in names if name != other], 2
            ):
                yield _JoinedTerms(
                    (first_name, second_name, other),
                    "masked sum",
                    (fitted_by_name[first_name] + fitted_by_name[second_name]) * spread,
                )


def broadcast_to_shape(mask: Array, shape: tuple[int, ...]) -> Array | None:
    """A tensor spread over that shape where its lengths occur there in order, or as [batch, time] of [batch, channels, time]."""
    if mask.size == 1 or mask.ndim > len(shape):
        return None
    if mask.shape == shape:
        return mask
    long_lengths = [n for n in mask.shape if n != 1]
    for places in combinations(range(len(shape)), len(long_lengths)):
        if [shape[place] for place in places] == long_lengths:
            widened_shape = [1] * len(shape)
            for place, length in zip(places, long_lengths, strict=True):
                widened_shape[place] = length
            if long_lengths and (
                len(long_lengths) > 1 or shape[0] == 1 or len(long_lengths) == len(shape)
            ):
                return np.broadcast_to(mask.reshape(widened_shape), shape)
    return None


def _iter_concatenations(
    target: Array, value_by_name: Mapping[str, Array]
) -> Iterator[_JoinedTerms]:
    names: Sequence[str] = [
        name for name, value in value_by_name.items() if value.ndim == target.ndim
    ][:MAX_CONCATENATED_TERMS]
    orientations = {
        name: [value_by_name[name]]
        if value_by_name[name].ndim < 3
        else [value_by_name[name], value_by_name[name].swapaxes(1, 2)]
        for name in names
    }
    for count in (2, 3, 4):
        for group in permutations(names, count):
            for swap in (0, 1):
                parts = [
                    orientations[name][min(swap, len(orientations[name]) - 1)] for name in group
                ]
                axis = _find_joint_axis(target.shape, [part.shape for part in parts])
                if axis is not None and (
                    swap == 0 or parts[0].shape != orientations[group[0]][0].shape
                ):
                    yield _JoinedTerms(group, "concat", np.concatenate(parts, axis), axis)


def _find_joint_axis(shape: tuple[int, ...], parts: Sequence[tuple[int, ...]]) -> int | None:
    """The axis along which the parts make up that shape."""
    for axis, length in enumerate(shape):
        if sum(part[axis] for part in parts) == length and all(
            (*part[:axis], *part[axis + 1 :]) == (*shape[:axis], *shape[axis + 1 :])
            for part in parts
        ):
            return axis
    return None
