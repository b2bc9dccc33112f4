"""The gain and offset that take the reference's tensor nearest to the candidate's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import LayerCase
from auscult.explain.searches import run_once_per_case
from auscult.explain.searches.paddings import has_comparable_floats

SEARCH = "gains"
MIN_ELEMENTS = 8
"""Elements that a gain and an offset are fitted to.

Chosen, not measured."""

DECIBELS = 10 / np.log(10)
LOGARITHM_UNITS = (1.0, DECIBELS / 10, DECIBELS, 2 * DECIBELS)
"""What one unit of the natural logarithm is in a natural one, log10, and decibels of power and of magnitude."""


@dataclass(frozen=True)
class AffineFit:
    """gain * reference + offset.

    Attributes:
        spread: Deviation of the reference's elements.
        gain_residual: Of the candidate's output against the gain alone.
        residual: Against gain and offset.
    """

    gain: float
    offset: float
    spread: float
    gain_residual: float
    residual: float


@run_once_per_case
def fit_gain_and_offset(case: LayerCase, floor: float) -> AffineFit | None:  # noqa: ARG001 - one signature for all
    """The fit by least squares; None where the tensors cannot be compared element by element."""
    if not has_comparable_floats(case) or case.reference.shape != case.candidate.shape:
        return None
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    if reference.size < MIN_ELEMENTS or not np.isfinite(candidate).all():
        return None
    mean, spread = float(reference.mean()), float(reference.std())
    if spread == 0:
        return None
    covariance = float(((reference - mean) * (candidate - candidate.mean())).mean())
    gain = covariance / spread**2
    offset = float(candidate.mean()) - gain * mean
    return AffineFit(
        gain,
        offset,
        spread,
        relative_error(gain * reference, candidate),
        relative_error(gain * reference + offset, candidate),
    )


def fit_constant_under_logarithm(case: LayerCase) -> float:
    """Least residual of the candidate as log(exp(reference) + constant), of the natural logarithm, log10 and decibels.

    Infinite where no constant other than zero fits.
    """
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    best = float("inf")
    for unit in LOGARITHM_UNITS:
        with np.errstate(over="ignore", invalid="ignore"):
            linear = np.exp(reference / unit)
            added = float(np.median(np.exp(candidate / unit) - linear))
            summed = linear + added
        if added == 0 or not np.isfinite(summed).all() or summed.min() <= 0:
            continue
        best = min(best, relative_error(unit * np.log(summed), candidate))
    return best
