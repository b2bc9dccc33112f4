"""How near a reproduction must come to count, for what the reference computed and for what the candidate computed."""

from __future__ import annotations

import numpy as np

from auscult.explain.algebra.nearness import get_rounding_tolerance, relative_error
from auscult.explain.case import LayerCase

FLOOR_SLACK = 3.0
"""How many noise floors a reproduction may lie from the candidate's output: the floor is a measured rms, not a bound.

Chosen, not measured."""
MAX_SHARE_OF_ERROR = 0.34
"""The widest limit as a share of the place's own error, so that the reference's tensor itself never passes.

Chosen, not measured."""


def get_reference_limit(case: LayerCase) -> float:
    """The relative error within which a formula counts as what the reference does."""
    return get_rounding_tolerance(case.reference)


def get_candidate_limit(case: LayerCase, floor: float) -> float:
    """The same for the candidate; never so wide that the reference's own tensor would pass."""
    own_error = relative_error(case.candidate, case.reference)
    if np.isfinite(own_error):
        widest = MAX_SHARE_OF_ERROR * own_error
    else:
        widest = 1.0
    return min(max(FLOOR_SLACK * floor, get_rounding_tolerance(case.candidate)), widest)
