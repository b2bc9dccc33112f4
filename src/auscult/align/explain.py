"""The explanation of one array by another, cheapest first: equal bits, a cast, the error of a number format."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import sqrt

import numpy as np

from auscult.align.compare import Outcome, Values, closely, exactly, real
from auscult.align.fingerprint import BLOCK
from auscult.align.formats import float_format, name_of
from auscult.align.moves import blocks
from auscult.recipe.ops.cast import Cast
from auscult.verdict import Equality
from auscult.weights import Array


def explain(
    a: Values, b: Values, *, computed: bool = False, trusted: frozenset[str] = frozenset()
) -> Outcome | None:
    """Exactly, else as the nearest value of a coarser dtype, else closely, else None."""
    same = a.array.dtype == b.array.dtype
    outcome = exactly(a.array, b.array) if same else _rounded(a.array, b.array)
    return outcome or closely(a, b, computed=computed, trusted=trusted)


def _rounded(a: Array, b: Array) -> Outcome | None:
    """Whether the finer of two float arrays, rounded to the nearest value of the other's dtype, is the other bit for bit."""
    eps_a, eps_b = float_format(name_of(a.dtype)).eps, float_format(name_of(b.dtype)).eps
    if not (eps_a and eps_b) or (a.dtype.kind == "c") != (b.dtype.kind == "c"):
        return None
    cast = _cast(name_of(b.dtype), name_of(a.dtype))
    with np.errstate(over="ignore", invalid="ignore"):
        forward = a.astype(b.dtype)
        outcome = exactly(forward, b)
        if outcome is not None:
            if _lossless(cast):
                return replace(outcome, ops=(*outcome.ops, cast), rounding="nearest")
            error, name = _distance(a, forward), name_of(b.dtype)
        else:
            back = b.astype(a.dtype) if eps_a > eps_b else None
            outcome = exactly(a, back) if back is not None else None
            if outcome is None or back is None:
                return None
            error, name = _distance(b, back), name_of(a.dtype)
    if not np.isfinite(error):
        return None
    return Outcome(
        outcome.move, Equality.CLOSE, (*outcome.ops, cast), error, name, "nearest", outcome.also
    )


@lru_cache(maxsize=64)
def _cast(dtype: str, from_dtype: str) -> Cast:
    return Cast(dtype, from_dtype)


@lru_cache(maxsize=64)
def _lossless(cast: Cast) -> bool:
    return cast.lossless


def _distance(fine: Array, coarse: Array) -> float:
    """Relative distance of two arrays of one shape; infinite where only `coarse` is, as after an overflow."""
    work = np.float64 if fine.dtype.itemsize > 4 else np.float32
    distance = norm = 0.0
    for part in blocks(fine.shape, BLOCK):
        x, y = real(fine[part], work).reshape(-1), real(coarse[part], work).reshape(-1)
        finite = np.isfinite(x)
        if not finite.all():
            x, y = x[finite], y[finite]
        gap = np.abs(x - y)
        distance += float(np.dot(gap, gap))
        norm += float(np.vdot(y, y).real)
    if (
        norm == 0
    ):  # all of it rounded to zero, as values below the smallest step of an 8-bit float do
        return float(distance > 0)
    return sqrt(distance / norm)
