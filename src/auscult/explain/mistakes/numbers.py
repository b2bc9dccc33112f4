"""Faults of number formats and of drawn numbers: overflow, drift, branch cuts, dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import ml_dtypes
import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import get_reference_limit
from auscult.weights import Array

NAMES = ("precision-overflow", "precision-drift", "branch-cut", "dropout-active")
HALF_MAX = 65504.0
MIN_KEPT_SHARE = (
    0.05  # a dropout that keeps fewer or more than all but that share is not told from an accident
)
WHOLE_TURN = 2 * np.pi
DRIFT_DTYPES = (np.float16, ml_dtypes.bfloat16, np.float32)

WRAP_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "": lambda y: y,
    " modulo 1": lambda y: np.mod(y, 1.0),
    " modulo 2π": lambda y: np.mod(y, WHOLE_TURN),
}


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    if case.reference.shape != case.candidate.shape or case.reference.dtype.kind not in "fV":
        return
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    yield from _explain_overflow(reference, candidate, floor)
    yield from _explain_dropout(reference, candidate, floor)
    yield from _explain_turns(reference, candidate, floor)
    yield from _explain_drift(case, reference, candidate)


def _explain_overflow(reference: Array, candidate: Array, floor: float) -> Iterator[Explanation]:
    is_lost = ~np.isfinite(candidate) & np.isfinite(reference)
    is_capped = (
        np.isfinite(candidate)
        & (np.abs(candidate) >= HALF_MAX)
        & (np.abs(reference) > 1.0001 * np.abs(candidate))
    )
    if not (is_lost | is_capped).any():
        return
    is_finite = ~(is_lost | is_capped)
    largest = float(np.abs(reference[is_lost | is_capped]).max())
    count, fix = int((is_lost | is_capped).sum()), "compute this layer in float32"
    if largest > HALF_MAX and relative_error(candidate[is_finite], reference[is_finite]) <= max(
        8 * floor, 4e-3
    ):
        message = f"{count} elements overflow: the reference has up to {largest:.4g} there, float16 ends at 65504"
        yield Explanation("precision-overflow", {"elements": count}, 0.0, message, fix=fix)
    elif is_lost.any():
        message = f"{count} elements are not finite where the reference has at most {largest:.4g}: a product inside overflows"
        yield Explanation(
            "precision-overflow", {"elements": count}, says=message, fix=fix, reproduced=False
        )


def _explain_dropout(reference: Array, candidate: Array, floor: float) -> Iterator[Explanation]:
    """Every element is zero, or the reference's divided by the share that is kept."""
    is_alive = np.abs(reference) > 1e-6 * np.abs(reference).max(initial=0.0)
    is_zero = is_alive & (candidate == 0)
    is_kept = is_alive & ~is_zero
    if (
        is_alive.sum() < 16
        or not MIN_KEPT_SHARE < (share := float(is_kept.sum() / is_alive.sum())) < 1
    ):
        return
    factor = float(
        np.dot(candidate[is_kept], reference[is_kept])
        / np.dot(reference[is_kept], reference[is_kept])
    )
    prediction = np.where(is_zero, 0.0, factor * reference)
    expected = 1 / factor if factor else 0.0
    spread = 4 * np.sqrt(share * (1 - share) / is_alive.sum()) + 0.02
    is_plausible = (
        abs(expected - share) < spread
    )  # inverted dropout divides by the share that it keeps
    if (
        factor > 1
        and is_plausible
        and relative_error(prediction, candidate) <= max(8 * floor, 1e-5)
    ):
        message = f"{1 - share:.0%} of its elements are zero and the rest {factor:.4g} times too large: dropout is active"
        yield Explanation(
            "dropout-active",
            {"probability": round(1 - expected, 4)},
            relative_error(prediction, candidate),
            message,
            fix="call .eval() before running",
        )


def _explain_turns(reference: Array, candidate: Array, floor: float) -> Iterator[Explanation]:
    """Angles that differ by whole turns alone."""
    difference = candidate - reference
    turns = np.round(difference / WHOLE_TURN)
    is_wrapped = turns != 0
    if not is_wrapped.any() or is_wrapped.mean() > 0.5 or np.abs(reference).max() > 4 * np.pi:
        return
    prediction = reference + WHOLE_TURN * turns
    residual = relative_error(prediction, candidate)
    if residual <= max(8 * floor, 1e-5):
        cut_share = float(np.mean(np.abs(np.abs(reference[is_wrapped]) - np.pi) < 0.01))
        message = f"{int(is_wrapped.sum())} of {reference.size} angles differ by whole turns ({cut_share:.0%} of them at the cut of atan2)"
        yield Explanation(
            "branch-cut",
            {"elements": int(is_wrapped.sum())},
            residual,
            message,
            fix="compare cosine and sine, or wrap to (-π, π]",
        )


def _explain_drift(case: LayerCase, reference: Array, candidate: Array) -> Iterator[Explanation]:
    """A running sum kept in a coarser format."""
    for name, value in [*case.inputs.items(), *list(case.context.items())[-3:]]:
        if value.shape != reference.shape or value.dtype.kind not in "fV":
            continue
        x = to_float64(value)
        for axis in range(1, reference.ndim):
            for wrap_name, wrap in WRAP_FUNCTIONS.items():
                if not wrap_name:
                    factor = _fit_factor(np.cumsum(x, axis), reference)
                else:
                    factor = 1.0
                if factor is None or relative_error(
                    wrap(factor * np.cumsum(x, axis)), reference
                ) > max(get_reference_limit(case), 1e-4):
                    continue
                yield from _explain_coarse_sum(name, x, candidate, axis, factor, wrap_name, wrap)


def _fit_factor(total: Array, reference: Array) -> float | None:
    power = float(np.sum(total**2))
    if power:
        return float(np.sum(total * reference)) / power
    return None


def _explain_coarse_sum(  # noqa: PLR0917
    name: str,
    x: Array,
    candidate: Array,
    axis: int,
    factor: float,
    wrap_name: str,
    wrap: Callable[[Array], Array],
) -> Iterator[Explanation]:
    for dtype in DRIFT_DTYPES:
        addends = np.moveaxis((x * factor if not wrap_name else x).astype(dtype), axis, 0)
        total, rows = addends[0], [addends[0]]
        for row in addends[1:]:
            total = (total + row).astype(dtype)
            rows.append(total)
        fine_sums = np.cumsum(addends.astype(np.float64), 0).astype(
            dtype
        )  # summed in float32, given in the format
        sums = [
            wrap(np.moveaxis(np.asarray(series_in_dtype), 0, axis).astype(np.float64))
            for series_in_dtype in (np.stack(rows), fine_sums)
        ]
        best_series = min(sums, key=lambda series: relative_error(series, candidate))
        message = f"it keeps the running sum of {name}{wrap_name} in {np.dtype(dtype).name}: the error grows with time"
        yield Explanation(
            "precision-drift",
            {"candidate": np.dtype(dtype).name},
            relative_error(best_series, candidate),
            message,
            fix="sum in float64 or wrap at each step",
        )
