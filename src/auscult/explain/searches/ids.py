"""Whether integer ids are the reference's plus one number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.explain.case import LayerCase
from auscult.explain.searches import run_once_per_case

SEARCH = "ids"


@dataclass(frozen=True)
class ConstantShift:
    """The candidate's ids are the reference's plus one number.

    Attributes:
        by: That number, not zero.
        first: The reference's first id.
        is_rising: Whether the reference's ids rise by one, as positions do.
    """

    by: int
    first: int
    is_rising: bool


def has_comparable_ids(case: LayerCase) -> bool:
    """Whether both sides have integers of one shape here."""
    return (
        case.reference.dtype.kind in "iu"
        and case.candidate.dtype.kind in "iu"
        and case.reference.shape == case.candidate.shape
        and case.reference.size > 0
    )


@run_once_per_case
def find_constant_shift(case: LayerCase, floor: float) -> ConstantShift | None:  # noqa: ARG001 - one signature for all
    """The shift; None where the ids are equal, or differ by more than one number."""
    if not has_comparable_ids(case):
        return None
    reference = case.reference.astype(np.int64)
    differences = case.candidate.astype(np.int64) - reference
    by = int(differences.flat[0])
    if by == 0 or (differences != by).any():
        return None
    is_rising = reference.size > 1 and bool(
        (np.diff(reference.reshape(-1, reference.shape[-1]), axis=-1) == 1).all()
    )
    return ConstantShift(by, int(reference.flat[0]), is_rising)
