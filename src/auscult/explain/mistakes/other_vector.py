"""A layer is handed another of the vectors at hand, cut or filled up with zeros until it fits.

Models of speech know a speaker by several vectors, such as an x-vector of 192 values and a voice encoder's of 256.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import error, real
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import candidate_limit, reference_limit
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
    known = {
        name: value
        for name, value in {**case.inputs, **case.context}.items()
        if value.dtype.kind == "f"
    }
    right = next(
        (
            name
            for name, value in known.items()
            if error(value, case.reference) <= reference_limit(case)
        ),
        None,
    )
    for name, value in known.items() if right else ():
        missed = _missed(real(value), real(case.candidate))
        if name != right and missed <= candidate_limit(case, floor):
            how = "cut" if value.shape[-1] > case.candidate.shape[-1] else "filled up"
            says = f"it is handed {name} ({value.shape[-1]} values, {how}), the reference hands it {right}"
            sides = {"reference": right, "candidate": name}
            # exact agreement of so many values: no other mistake is as simple
            yield Explanation(
                "wiring", sides, missed, says, fix=f"hand {right} to it", complexity=0
            )


def _missed(value: Array, got: Array) -> float:
    """How far `got` is from the start of a longer vector, or from a shorter one with zeros behind it; of one length, no cut."""
    size, wanted = value.shape[-1], got.shape[-1]
    if (
        value.ndim != got.ndim
        or value.shape[:-1] != got.shape[:-1]
        or size == wanted
        or min(size, wanted) < MIN_VALUES
    ):
        return float("inf")
    fitted = (
        value[..., :wanted]
        if size > wanted
        else np.pad(value, [(0, 0)] * (value.ndim - 1) + [(0, wanted - size)])
    )
    return error(got, fitted)
