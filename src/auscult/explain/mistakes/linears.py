"""A linear layer with its matrix transposed, or without its bias."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.algebra.nearness import error, real
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import reference_limit

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
    wide, matrix = real(x), real(weight)
    shift = 0.0 if bias is None else real(bias)
    got = real(case.candidate)
    if error(wide @ matrix.T + shift, real(case.reference)) > reference_limit(case):
        return
    if matrix.shape[0] == matrix.shape[1]:
        residual = error(wide @ matrix + shift, got)
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
            error(wide @ matrix.T, got),
            "it does not add the bias",
            fix="load the bias",
        )
