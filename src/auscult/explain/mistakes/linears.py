"""A linear layer with its matrix transposed, or without its bias."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import get_reference_limit

NAMES = ("layout-linear", "bias-missing")


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:  # noqa: ARG001 - one signature for all
    weight, bias, x = case.weights.get("weight"), case.weights.get("bias"), case.input
    if (
        case.role != "output"
        or weight is None
        or weight.ndim != 2
        or x is None
        or x.dtype.kind != "f"
    ):
        return
    if x.shape[-1] != weight.shape[1]:
        return
    signal, matrix = to_float64(x), to_float64(weight)
    real_bias = 0.0 if bias is None else to_float64(bias)
    candidate = to_float64(case.candidate)
    if relative_error(
        signal @ matrix.T + real_bias, to_float64(case.reference)
    ) > get_reference_limit(case):
        return
    if matrix.shape[0] == matrix.shape[1]:
        residual = relative_error(signal @ matrix + real_bias, candidate)
        yield Explanation(
            "layout-linear",
            {},
            residual,
            "it multiplies by the transposed matrix",
            fix="transpose the weight",
        )
    if bias is not None:
        yield Explanation(
            "bias-missing",
            {},
            relative_error(signal @ matrix.T, candidate),
            "it does not add the bias",
            fix="load the bias",
        )
