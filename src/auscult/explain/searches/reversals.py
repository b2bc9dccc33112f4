"""How near the candidate's tensor is to the reference's, flipped along each axis."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import LayerCase
from auscult.explain.searches import run_once_per_case
from auscult.explain.searches.paddings import has_comparable_floats

SEARCH = "reversals"
CHANNELS_LAST_PATTERN = re.compile(
    r"LSTM|GRU|RNN|Linear|LayerNorm|RMSNorm|Embedding|Attention", re.IGNORECASE
)
"""Modules whose last axis holds the channels."""


@run_once_per_case
def measure_flips(case: LayerCase, floor: float) -> Mapping[int, float]:  # noqa: ARG001 - one signature for all
    """Relative error of the candidate's tensor against the reference's flipped, by axis; the batch is not flipped."""
    if not has_comparable_floats(case) or case.reference.shape != case.candidate.shape:
        return {}
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    return {
        axis: relative_error(np.flip(reference, axis), candidate)
        for axis in range(1, reference.ndim)
    }


def get_channel_axis(case: LayerCase) -> int:
    """The axis that holds the channels, by the class of the module."""
    if CHANNELS_LAST_PATTERN.search(case.module.type):
        return case.reference.ndim - 1
    return 1
