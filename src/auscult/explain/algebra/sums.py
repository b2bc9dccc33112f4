"""Which of the tensors at hand add up to another one: a residual stream, or branches that need not stand side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from auscult.weights import Array

EXACT_TOLERANCE = 1e-3
"""How far one factor may lie from the others, and a tensor from what the others span, relative to its size."""
MIN_ROWS = 4  # elements per tensor


def iter_matching_sums(
    target: Array, tensors: Mapping[str, Array]
) -> Iterator[tuple[tuple[str, ...], float]]:
    """Terms and the factor that they have in common, so that `factor * (a + b + c)` may be the target.

    Solved by least squares on the elements drawn, over all of them, and over the positive ones alone, on which a (leaky) ReLU
    of the sum is the sum itself. The caller checks: nothing was fitted to the rest.

    Args:
        wanted: Drawn elements [elements].
        tensors: The same elements of each tensor, those before others that are taken first where one is the sum of others.
    """
    for rows, min_terms in ((np.isfinite(target), 2), (target > 0, 1)):
        terms_and_factor = _solve_common_factor(
            target[rows], {name: values[rows] for name, values in tensors.items()}
        )
        if terms_and_factor is None or len(terms_and_factor[0]) < min_terms:
            continue
        yield terms_and_factor
        if _is_exact_sum(terms_and_factor, target, tensors):
            break  # no function lies over the sum


def _is_exact_sum(
    terms_and_factor: tuple[tuple[str, ...], float], target: Array, tensors: Mapping[str, Array]
) -> bool:
    terms, factor = terms_and_factor
    difference = factor * np.sum([tensors[name] for name in terms], axis=0) - target
    return float(np.linalg.norm(difference)) <= EXACT_TOLERANCE * float(np.linalg.norm(target))


def _solve_common_factor(
    target: Array, tensors: Mapping[str, Array]
) -> tuple[tuple[str, ...], float] | None:
    """The terms with a factor that is not zero, if all have the same."""
    independent = _select_independent(
        {name: values for name, values in tensors.items() if np.isfinite(values).all()}
    )
    if not independent or len(target) < MIN_ROWS * len(independent):
        return None
    solution, *_ = np.linalg.lstsq(np.stack(list(independent.values()), 1), target, rcond=None)
    largest = float(np.abs(solution).max(initial=0.0))
    factor_by_term = {
        name: float(c)
        for name, c in zip(independent, solution, strict=True)
        if abs(c) > EXACT_TOLERANCE * largest
    }
    factor = float(np.mean(list(factor_by_term.values()))) if factor_by_term else 0.0
    is_common = all(
        abs(c - factor) < EXACT_TOLERANCE * abs(factor) for c in factor_by_term.values()
    )
    if factor_by_term and is_common:
        return (tuple(factor_by_term), factor)
    return None


def _select_independent(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Without those that the ones before them span (Gram and Schmidt)."""
    basis: list[Array] = []
    independent: dict[str, Array] = {}
    for name, values in tensors.items():
        residual = values
        for _ in range(2):  # once more, since rounding leaves something of what was taken out
            for axis in basis:
                residual = residual - np.dot(axis, residual) * axis
        size = float(np.linalg.norm(residual))
        if size > EXACT_TOLERANCE * float(np.linalg.norm(values)):
            basis.append(residual / size)
            independent[name] = values
    return independent
