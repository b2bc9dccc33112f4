"""A linear layer read from its module, whose weight and bias give the reference's output."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import LayerCase
from auscult.explain.limits import get_reference_limit
from auscult.explain.searches import run_once_per_case
from auscult.weights import Array

SEARCH = "linears"


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """Input [..., in], matrix [out, in] and, where there is one, the bias [out], in float64; and the candidate's output."""

    signal: Array
    matrix: Array
    bias: Array | None
    expected: Array


@run_once_per_case
def read_linear(case: LayerCase, floor: float) -> LinearLayer | None:  # noqa: ARG001 - one signature for all
    """The linear layer at this place; None where it is none, or does not give the reference's output."""
    weight, bias, x = case.weights.get("weight"), case.weights.get("bias"), case.input
    if (
        case.role != "output"
        or weight is None
        or weight.ndim != 2
        or x is None
        or x.dtype.kind != "f"
        or x.shape[-1] != weight.shape[1]
    ):
        return None
    signal, matrix = to_float64(x), to_float64(weight)
    output = signal @ matrix.T
    if bias is not None:
        bias = to_float64(bias)
        output = output + bias
    if relative_error(output, to_float64(case.reference)) > get_reference_limit(case):
        return None
    return LinearLayer(signal, matrix, bias, to_float64(case.candidate))
