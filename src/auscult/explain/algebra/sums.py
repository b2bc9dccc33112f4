"""Which of the tensors at hand add up to another one: a residual stream, or branches that need not stand side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from auscult.weights import Array

EXACT = 1e-3
"""How far one factor may lie from the others, and a tensor from what the others span, relative to its size."""
MIN_ROWS = 4  # elements per tensor


def sums(wanted: Array, tensors: Mapping[str, Array]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Terms and the factor that they have in common, so that `factor * (a + b + c)` may be the target.

    Solved by least squares on the elements drawn, over all of them, and over the positive ones alone, on which a (leaky) ReLU
    of the sum is the sum itself. The caller checks: nothing was fitted to the rest.

    Args:
        wanted: Drawn elements [elements].
        tensors: The same elements of each tensor, those before others that are taken first where one is the sum of others.
    """
    for rows, least in ((np.isfinite(wanted), 2), (wanted > 0, 1)):
        found = _solved(wanted[rows], {name: values[rows] for name, values in tensors.items()})
        if found is None or len(found[0]) < least:
            continue
        yield found
        if _fits(found, wanted, tensors):
            break  # no function lies over the sum


def _fits(
    found: tuple[tuple[str, ...], float], wanted: Array, tensors: Mapping[str, Array]
) -> bool:
    terms, factor = found
    missed = factor * np.sum([tensors[name] for name in terms], axis=0) - wanted
    return float(np.linalg.norm(missed)) <= EXACT * float(np.linalg.norm(wanted))


def _solved(wanted: Array, tensors: Mapping[str, Array]) -> tuple[tuple[str, ...], float] | None:
    """The terms with a factor that is not zero, if all have the same."""
    free = _independent(
        {name: values for name, values in tensors.items() if np.isfinite(values).all()}
    )
    if not free or len(wanted) < MIN_ROWS * len(free):
        return None
    solution, *_ = np.linalg.lstsq(np.stack(list(free.values()), 1), wanted, rcond=None)
    largest = float(np.abs(solution).max(initial=0.0))
    kept = {
        name: float(c) for name, c in zip(free, solution, strict=True) if abs(c) > EXACT * largest
    }
    factor = float(np.mean(list(kept.values()))) if kept else 0.0
    alike = all(abs(c - factor) < EXACT * abs(factor) for c in kept.values())
    return (tuple(kept), factor) if kept and alike else None


def _independent(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Without those that the ones before them span (Gram and Schmidt)."""
    basis: list[Array] = []
    free: dict[str, Array] = {}
    for name, values in tensors.items():
        rest = values
        for _ in range(2):  # once more, since rounding leaves something of what was taken out
            for axis in basis:
                rest = rest - np.dot(axis, rest) * axis
        size = float(np.linalg.norm(rest))
        if size > EXACT * float(np.linalg.norm(values)):
            basis.append(rest / size)
            free[name] = values
    return free
