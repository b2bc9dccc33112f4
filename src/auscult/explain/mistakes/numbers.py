"""Faults of number formats and of drawn numbers: overflow, drift, branch cuts, dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import ml_dtypes
import numpy as np

from auscult.explain.algebra.nearness import error, real
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import reference_limit
from auscult.weights import Array

NAMES = ("precision-overflow", "precision-drift", "branch-cut", "dropout-active")
HALF_MAX = 65504.0
MIN_KEPT = (
    0.05  # a dropout that keeps fewer or more than all but that share is not told from an accident
)
WHOLE_TURN = 2 * np.pi
DRIFTING = (np.float16, ml_dtypes.bfloat16, np.float32)

WRAPS: dict[str, Callable[[Array], Array]] = {
    "": lambda y: y,
    " modulo 1": lambda y: np.mod(y, 1.0),
    " modulo 2π": lambda y: np.mod(y, WHOLE_TURN),
}


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    if case.reference.shape != case.candidate.shape or case.reference.dtype.kind not in "fV":
        return
    right, got = real(case.reference), real(case.candidate)
    yield from _overflow(right, got, floor)
    yield from _dropout(right, got, floor)
    yield from _turns(right, got, floor)
    yield from _drift(case, right, got)


def _overflow(right: Array, got: Array, floor: float) -> Iterator[Explanation]:
    lost = ~np.isfinite(got) & np.isfinite(right)
    capped = np.isfinite(got) & (np.abs(got) >= HALF_MAX) & (np.abs(right) > 1.0001 * np.abs(got))
    if not (lost | capped).any():
        return
    rest = ~(lost | capped)
    largest = float(np.abs(right[lost | capped]).max())
    count, fix = int((lost | capped).sum()), "compute this layer in float32"
    if largest > HALF_MAX and error(got[rest], right[rest]) <= max(8 * floor, 4e-3):
        says = f"{count} elements overflow: the reference has up to {largest:.4g} there, float16 ends at 65504"
        yield Explanation("precision-overflow", {"elements": count}, 0.0, says, fix=fix)
    elif lost.any():
        says = f"{count} elements are not finite where the reference has at most {largest:.4g}: a product inside overflows"
        yield Explanation(
            "precision-overflow", {"elements": count}, says=says, fix=fix, reproduced=False
        )


def _dropout(right: Array, got: Array, floor: float) -> Iterator[Explanation]:
    """Every element is zero, or the reference's divided by the share that is kept."""
    alive = np.abs(right) > 1e-6 * np.abs(right).max(initial=0.0)
    zero = alive & (got == 0)
    kept = alive & ~zero
    if alive.sum() < 16 or not MIN_KEPT < (share := float(kept.sum() / alive.sum())) < 1:
        return
    factor = float(np.dot(got[kept], right[kept]) / np.dot(right[kept], right[kept]))
    made = np.where(zero, 0.0, factor * right)
    expected = 1 / factor if factor else 0.0
    spread = 4 * np.sqrt(share * (1 - share) / alive.sum()) + 0.02
    plausible = (
        abs(expected - share) < spread
    )  # inverted dropout divides by the share that it keeps
    if factor > 1 and plausible and error(made, got) <= max(8 * floor, 1e-5):
        says = f"{1 - share:.0%} of its elements are zero and the rest {factor:.4g} times too large: dropout is active"
        yield Explanation(
            "dropout-active",
            {"probability": round(1 - expected, 4)},
            error(made, got),
            says,
            fix="call .eval() before running",
        )


def _turns(right: Array, got: Array, floor: float) -> Iterator[Explanation]:
    """Angles that differ by whole turns alone."""
    difference = got - right
    turns = np.round(difference / WHOLE_TURN)
    wrapped = turns != 0
    if not wrapped.any() or wrapped.mean() > 0.5 or np.abs(right).max() > 4 * np.pi:
        return
    made = right + WHOLE_TURN * turns
    residual = error(made, got)
    if residual <= max(8 * floor, 1e-5):
        near = float(np.mean(np.abs(np.abs(right[wrapped]) - np.pi) < 0.01))
        says = f"{int(wrapped.sum())} of {right.size} angles differ by whole turns ({near:.0%} of them at the cut of atan2)"
        yield Explanation(
            "branch-cut",
            {"elements": int(wrapped.sum())},
            residual,
            says,
            fix="compare cosine and sine, or wrap to (-π, π]",
        )


def _drift(case: LayerCase, right: Array, got: Array) -> Iterator[Explanation]:
    """A running sum kept in a coarser format."""
    for name, value in [*case.inputs.items(), *list(case.context.items())[-3:]]:
        if value.shape != right.shape or value.dtype.kind not in "fV":
            continue
        x = real(value)
        for axis in range(1, right.ndim):
            for post, wrap in WRAPS.items():
                factor = _factor(np.cumsum(x, axis), right) if not post else 1.0
                if factor is None or error(wrap(factor * np.cumsum(x, axis)), right) > max(
                    reference_limit(case), 1e-4
                ):
                    continue
                yield from _coarser(name, x, got, axis, factor, post, wrap)


def _factor(total: Array, right: Array) -> float | None:
    power = float(np.sum(total**2))
    return float(np.sum(total * right)) / power if power else None


def _coarser(  # noqa: PLR0917
    name: str,
    x: Array,
    got: Array,
    axis: int,
    factor: float,
    post: str,
    wrap: Callable[[Array], Array],
) -> Iterator[Explanation]:
    for dtype in DRIFTING:
        given = np.moveaxis((x * factor if not post else x).astype(dtype), axis, 0)
        total, rows = given[0], [given[0]]
        for row in given[1:]:
            total = (total + row).astype(dtype)
            rows.append(total)
        kept_finely = np.cumsum(given.astype(np.float64), 0).astype(
            dtype
        )  # summed in float32, given in the format
        sums = [
            wrap(np.moveaxis(np.asarray(s), 0, axis).astype(np.float64))
            for s in (np.stack(rows), kept_finely)
        ]
        made = min(sums, key=lambda one: error(one, got))
        says = f"it keeps the running sum of {name}{post} in {np.dtype(dtype).name}: the error grows with time"
        yield Explanation(
            "precision-drift",
            {"candidate": np.dtype(dtype).name},
            error(made, got),
            says,
            fix="sum in float64 or wrap at each step",
        )
