"""Joins of the tensors that were known before: sums, means, products, concatenations, each tried as the input of a function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from auscult.explain.algebra.activations import (
    round_to_usual_factor,
)
from auscult.explain.algebra.nearness import orient_axes, to_float64
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
MAX_COUNT_MISFIT = 1e-4
"""How far a factor may lie from a number of terms, or from one over it.

Chosen, not measured."""


@dataclass(frozen=True, eq=False)
class JoinedTerms:
    terms: tuple[str, ...]
    join: str
    values: Array
    axis: int | None = None
    factors: tuple[float, ...] = ()


def iter_joined_terms(
    target: Array, context: Mapping[str, Array], drawn_indices: Array, *, weighted: bool = False
) -> Iterator[JoinedTerms]:
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
        yield JoinedTerms((name,), "one", value)
    yield from _iter_neighbour_groups(fitted_by_name)
    yield from _iter_pairs(fitted_by_name)
    yield from _iter_shared_sums(target, fitted_by_name, drawn_indices)
    yield from _iter_products(target, context, fitted_by_name)
    yield from _iter_concatenations(target, value_by_name)


def _iter_neighbour_groups(fitted_by_name: Mapping[str, Array]) -> Iterator[JoinedTerms]:
    """Branches that end together: sums and means of three and more neighbours, latest first."""
    names = list(fitted_by_name)[:MAX_JOINED_TERMS]
    for count in range(3, len(names) + 1):
        for start in range(len(names) - count + 1):
            group = tuple(names[start : start + count])
            total = np.sum([fitted_by_name[name] for name in group], axis=0)
            yield JoinedTerms(group, "sum", total)
            yield JoinedTerms(group, "mean", total / count)


def _iter_pairs(fitted_by_name: Mapping[str, Array]) -> Iterator[JoinedTerms]:
    """The sum, the mean and both differences of two tensors."""
    for pair in combinations(list(fitted_by_name)[:MAX_PAIRED_TERMS], 2):
        a, b = (fitted_by_name[name] for name in pair)
        yield JoinedTerms(pair, "sum", a + b)
        yield JoinedTerms(pair, "mean", (a + b) / 2)
        yield JoinedTerms(pair, "difference", a - b)
        yield JoinedTerms(pair[::-1], "difference", b - a)


def _iter_shared_sums(
    target: Array, fitted_by_name: Mapping[str, Array], drawn_indices: Array
) -> Iterator[JoinedTerms]:
    """Sums of tensors that are no neighbours, each with the same share."""
    drawn_by_name = {name: value.ravel()[drawn_indices] for name, value in fitted_by_name.items()}
    for terms, factor in iter_matching_sums(target.ravel()[drawn_indices], drawn_by_name):
        total = np.sum([fitted_by_name[name] for name in terms], axis=0)
        share = round_to_usual_factor(factor)
        if len(terms) == 1 and share != 1:
            yield JoinedTerms(terms, "one", share * total, factors=(share,))
        elif len(terms) > 1 and abs(share * len(terms) - 1) < MAX_COUNT_MISFIT:
            yield JoinedTerms(terms, "mean", total / len(terms))
        elif share == 1:
            yield JoinedTerms(terms, "sum", total)
        else:
            yield JoinedTerms(terms, "sum", share * total, factors=(share,) * len(terms))


def iter_single_terms(target: Array, tensors: Mapping[str, Array]) -> Iterator[JoinedTerms]:
    for name, value in tensors.items():
        if (
            value.dtype.kind == "f"
            and (fitted_value := _fit_to_shape(target, to_float64(value))) is not None
        ):
            yield JoinedTerms((name,), "one", fitted_value)


def _iter_weighted_pairs(
    target: Array, context: Mapping[str, Array], fitted_by_name: Mapping[str, Array]
) -> Iterator[JoinedTerms]:
    """Two tensors each, one above the other, for a fit of their factors."""
    masks = {
        name: spread
        for name, factor in context.items()
        if (spread := _spread_binary_mask(factor, target.shape)) is not None
    }
    for first_name, second_name in combinations(list(fitted_by_name)[:MAX_PAIRED_TERMS], 2):
        yield JoinedTerms(
            (first_name, second_name),
            "sum",
            np.stack([fitted_by_name[first_name], fitted_by_name[second_name]]),
        )
        for name, spread in masks.items():
            yield JoinedTerms(
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
) -> Iterator[JoinedTerms]:
    """Each tensor times each other one that is broadcast over it: masks, gains, gates. A mask that keeps all is no product."""
    names = list(fitted_by_name)[:MAX_PAIRED_TERMS]
    for other, factor in context.items():
        spread = broadcast_to_shape(to_float64(factor), target.shape)
        if spread is None or (spread == 1).all():
            continue
        for name in names:
            if name != other:
                yield JoinedTerms((name, other), "product", fitted_by_name[name] * spread)
        if np.isin(factor, (0, 1)).all():  # a mask may also lie on a sum
            for first_name, second_name in combinations(
                [name for name in names if name != other], 2
            ):
                yield JoinedTerms(
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
) -> Iterator[JoinedTerms]:
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
                    yield JoinedTerms(group, "concat", np.concatenate(parts, axis), axis)


def _find_joint_axis(shape: tuple[int, ...], parts: Sequence[tuple[int, ...]]) -> int | None:
    """The axis along which the parts make up that shape."""
    for axis, length in enumerate(shape):
        if sum(part[axis] for part in parts) == length and all(
            (*part[:axis], *part[axis + 1 :]) == (*shape[:axis], *shape[axis + 1 :])
            for part in parts
        ):
            return axis
    return None
