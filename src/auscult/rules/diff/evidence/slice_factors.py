"""Whether a tensor is another one times a factor for each of its slices: a gain per channel that was lost or put in twice."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from auscult.rules.diff.evidence.difference import to_real_array
from auscult.weights import Array

MIN_VALUES_PER_FACTOR = 4
"""Values that share a factor: by the factors alone, unrelated slices of 4 values become equal in a quarter of their energy, and
not in nearly all of it."""
SAMPLED_SIDE = 64
"""Places along each axis that are looked at first: most tensors have no such factors. Chosen, not measured."""
MAX_REST = 0.05
"""Share of a difference (and of the candidate, which may be much smaller) that the factors may leave. Of a fine-tune they leave 0.85 and more (1 - 1 / `MIN_VALUES_PER_FACTOR` of
the energy); rounding to bfloat16 of gains that differ by a tenth leaves 0.02. Chosen between."""


@dataclass(frozen=True)
class SliceFactors:
    """What turns one tensor into the other.

    Attributes:
        axes: One factor for each index along these.
        smallest, largest: Of the factors.
    """

    axes: tuple[int, ...]
    smallest: float
    largest: float


def find_slice_factors(candidate: Array, reference: Array) -> SliceFactors | None:
    """The fewest factors that make the reference the candidate, both of one shape; None where there are none.

    One factor for the whole tensor is not looked for.
    """
    if candidate.dtype.kind == "c" or reference.dtype.kind == "c":
        return None
    block = tuple(slice(None, None, max(1, side // SAMPLED_SIDE)) for side in candidate.shape)
    sample = to_real_array(candidate[block]), to_real_array(reference[block])
    for count in range(1, candidate.ndim):
        for axes in combinations(range(candidate.ndim), count):
            if _fit_factors(*sample, axes) is not None:
                factors = _fit_factors(to_real_array(candidate), to_real_array(reference), axes)
                if factors is not None:
                    return factors
    return None


def _fit_factors(candidate: Array, reference: Array, axes: tuple[int, ...]) -> SliceFactors | None:
    """The best factor for each index along these axes; None where they leave too much of the difference."""
    difference = float(np.linalg.norm(candidate - reference))
    others = tuple(axis for axis in range(candidate.ndim) if axis not in axes)
    shared_values = int(np.prod([candidate.shape[axis] for axis in others]))
    if shared_values < MIN_VALUES_PER_FACTOR or not 0.0 < difference < np.inf:
        return None
    energy = np.sum(reference**2, axis=others, keepdims=True)
    product = np.sum(reference * candidate, axis=others, keepdims=True)
    factors = np.divide(product, energy, out=np.ones_like(energy), where=energy > 0)
    size = min(difference, float(np.linalg.norm(candidate)))
    if float(np.linalg.norm(candidate - factors * reference)) > MAX_REST * size:
        return None
    return SliceFactors(axes, float(factors.min()), float(factors.max()))
