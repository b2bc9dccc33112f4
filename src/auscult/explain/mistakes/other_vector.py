"""A layer is handed another of the vectors at hand, cut or filled up with zeros until it fits.

Models of speech know a speaker by several vectors, such as an x-vector of 192 values and a voice encoder's of 256.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import get_candidate_limit, get_reference_limit
from auscult.weights import Array

NAMES = ("wiring",)
MIN_VALUES = 8
"""Fewer may agree by chance with the start of another tensor."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    if (
        not case.role.startswith("input")
        or case.candidate.dtype.kind != "f"
        or case.candidate.ndim != 2
    ):
        return
    tensors = {
        name: value
        for name, value in {**case.inputs, **case.context}.items()
        if value.dtype.kind == "f"
    }
    reference_name = next(
        (
            name
            for name, value in tensors.items()
            if relative_error(value, case.reference) <= get_reference_limit(case)
        ),
        None,
    )
    for name, value in tensors.items() if reference_name else ():
        residual = _compute_cut_residual(to_float64(value), to_float64(case.candidate))
        if name != reference_name and residual <= get_candidate_limit(case, floor):
            if value.shape[-1] > case.candidate.shape[-1]:
                change = "cut"
            else:
                change = "filled up"
            message = f"it is handed {name} ({value.shape[-1]} values, {change}), the reference hands it {reference_name}"
            sides = {"reference": reference_name, "candidate": name}
            # exact agreement of so many values: no other mistake is as simple
            yield Explanation(
                "wiring", sides, residual, message, fix=f"hand {reference_name} to it", complexity=0
            )


def _compute_cut_residual(value: Array, candidate: Array) -> float:
    """How far `got` is from the start of a longer vector, or from a shorter one with zeros behind it; of one length, no cut."""
    size, target_size = value.shape[-1], candidate.shape[-1]
    if (
        value.ndim != candidate.ndim
        or value.shape[:-1] != candidate.shape[:-1]
        or size == target_size
        or min(size, target_size) < MIN_VALUES
    ):
        return float("inf")
    if size > target_size:
        fitted = value[..., :target_size]
    else:
        fitted = np.pad(value, [(0, 0)] * (value.ndim - 1) + [(0, target_size - size)])
    return relative_error(candidate, fitted)
