"""The explanation of one array by another, cheapest first: equal bits, a cast, the error of a number format."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

import numpy as np

from auscult.align.compare import (
    PairOutcome,
    TensorValues,
    find_close_move,
    find_exact_move,
    to_real_dtype,
)
from auscult.align.dot_products import compute_dot_product
from auscult.align.fingerprint import BLOCK_SIZE
from auscult.align.formats import get_dtype_name, get_float_format
from auscult.align.moves import iter_blocks
from auscult.recipe.ops.cast import Cast
from auscult.verdict import Equality
from auscult.weights import Array


def explain_array(
    a: TensorValues,
    b: TensorValues,
    *,
    computed: bool = False,
    trusted: frozenset[str] = frozenset(),
) -> PairOutcome | None:
    """Exactly, else as the nearest value of a coarser dtype, else closely, else None."""
    same_dtype = a.array.dtype == b.array.dtype
    if same_dtype:
        outcome = find_exact_move(a.array, b.array)
    else:
        outcome = _explain_by_cast(a.array, b.array)
    return outcome or find_close_move(a, b, computed=computed, trusted=trusted)


def _explain_by_cast(a: Array, b: Array) -> PairOutcome | None:
    """Whether the finer of two float arrays, rounded to the nearest value of the other's dtype, is the other bit for bit."""
    eps_a, eps_b = (
        get_float_format(get_dtype_name(a.dtype)).eps,
        get_float_format(get_dtype_name(b.dtype)).eps,
    )
    if not (eps_a and eps_b) or (a.dtype.kind == "c") != (b.dtype.kind == "c"):
        return None
    cast = _make_cast(get_dtype_name(b.dtype), get_dtype_name(a.dtype))
    with np.errstate(over="ignore", invalid="ignore"):
        cast_a = a.astype(b.dtype)
        outcome = find_exact_move(cast_a, b)
        if outcome is not None:
            if _is_lossless_cast(cast):
                return outcome._replace(ops=(*outcome.ops, cast), rounding="nearest")
            error, format_name = _measure_distance(a, cast_a), get_dtype_name(b.dtype)
        else:
            if not eps_a > eps_b:
                return None
            restored_b = b.astype(a.dtype)
            outcome = find_exact_move(a, restored_b)
            if outcome is None:
                return None
            error, format_name = _measure_distance(b, restored_b), get_dtype_name(a.dtype)
    if not np.isfinite(error):
        return None
    return PairOutcome(
        outcome.move,
        Equality.CLOSE,
        (*outcome.ops, cast),
        error,
        format_name,
        "nearest",
        outcome.other_moves,
    )


@lru_cache(maxsize=64)
def _make_cast(dtype: str, from_dtype: str) -> Cast:
    return Cast(dtype, from_dtype)


@lru_cache(maxsize=64)
def _is_lossless_cast(cast: Cast) -> bool:
    return cast.lossless


def _measure_distance(fine: Array, coarse: Array) -> float:
    """Relative distance of two arrays of one shape; infinite where only `coarse` is, as after an overflow."""
    work_dtype = np.float64 if fine.dtype.itemsize > 4 else np.float32
    distance = norm = 0.0
    for block in iter_blocks(fine.shape, BLOCK_SIZE):
        x, y = (
            to_real_dtype(fine[block], work_dtype).reshape(-1),
            to_real_dtype(coarse[block], work_dtype).reshape(-1),
        )
        is_finite = np.isfinite(x)
        if not is_finite.all():
            x, y = x[is_finite], y[is_finite]
        gap = np.abs(x - y)
        distance += compute_dot_product(gap, gap)
        norm += float(np.vdot(y, y).real)
    if (
        norm == 0
    ):  # all of it rounded to zero, as values below the smallest step of an 8-bit float do
        return float(distance > 0)
    return sqrt(distance / norm)
