"""Say how two tensors differ where no known mistake does: correlation, gain, lag, the axis that carries it, saturation."""

from __future__ import annotations

import numpy as np

from auscult.explain.algebra.nearness import error, real
from auscult.finding import Json
from auscult.weights import Array

MAX_LAG = 64
SATURATED = 0.01  # share of elements at the very limit


def description(reference: Array, candidate: Array) -> Json:
    """Numbers that describe the difference (JSON values); only those that say something."""
    if reference.shape != candidate.shape:
        return {"shape_reference": list(reference.shape), "shape_candidate": list(candidate.shape)}
    if reference.dtype.kind in "iub":
        return {"unequal": int((reference != candidate).sum()), "elements": int(reference.size)}
    right, got = real(reference), real(candidate)
    finite = np.isfinite(right) & np.isfinite(got)
    result: Json = {
        "error": _rounded(error(got, right)),
        "non_finite": int((~np.isfinite(got)).sum()),
    }
    if finite.sum() < 2 or np.iscomplexobj(right) or np.iscomplexobj(got):
        return result
    x, y = right[finite], got[finite]
    if x.std() and y.std():
        correlation = float(np.corrcoef(x, y)[0, 1])
        gain = correlation * float(y.std() / x.std())
        result |= {
            "correlation": _rounded(correlation),
            "gain": _rounded(gain),
            "offset": _rounded(float(y.mean() - gain * x.mean())),
        }
    top = np.abs(y).max()
    share = float(np.mean(np.abs(y) >= top * (1 - 1e-6)))
    if share > SATURATED:
        result["saturated"] = {"limit": _rounded(float(top)), "share": _rounded(share)}
    if finite.all() and right.ndim > 1:
        result |= _axes(right, got)
    return result


def _axes(right: Array, got: Array) -> Json:
    """The axis over which the error is least even, where on it, and the lag in time that would explain most."""
    power = (got - right) ** 2
    uneven: list[tuple[float, int, int]] = []
    for axis in range(1, right.ndim):
        along = power.mean(tuple(a for a in range(right.ndim) if a != axis))
        if len(along) > 1 and along.mean() > 0:
            uneven.append((float(along.max() / along.mean()), axis, int(along.argmax())))
    found: Json = {}
    if uneven and max(uneven)[0] > 2:
        ratio, axis, place = max(uneven)
        found["worst"] = {"axis": axis, "index": place, "times_the_mean": _rounded(ratio)}
    lag = _lag(right, got)
    return found | ({"lag": lag} if lag else {})


def _lag(right: Array, got: Array) -> int:
    """Frames by which the candidate is late along its longest axis; 0 unless a shift halves the error."""
    axis = int(np.argmax(right.shape[1:])) + 1
    one, two = np.moveaxis(right, axis, -1), np.moveaxis(got, axis, -1)
    reach = min(MAX_LAG, one.shape[-1] // 4)
    still = error(two, one)
    best = min(range(-reach, reach + 1), key=lambda lag: _shifted_error(one, two, lag), default=0)
    return best if best and _shifted_error(one, two, best) < 0.5 * still else 0


def _shifted_error(one: Array, two: Array, lag: int) -> float:
    end = one.shape[-1]
    return error(
        two[..., max(lag, 0) : end + min(lag, 0)], one[..., max(-lag, 0) : end - max(lag, 0)]
    )


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None
