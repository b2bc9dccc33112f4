"""Say how two tensors differ where no known mistake does: correlation, gain, lag, the axis that carries it, saturation."""

from __future__ import annotations

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.finding import Json
from auscult.weights import Array

MAX_LAG_FRAMES = 64
"""Frames by which a lag is looked for, and at most a quarter of the length.

Chosen, not measured."""
MIN_SATURATED_SHARE = 0.01
"""Share of the elements that lie at the very limit.

Chosen, not measured."""
MIN_UNEVENNESS = 2.0
"""Largest over mean squared error along an axis, from which that axis is named.

Chosen, not measured."""
MAX_LAGGED_SHARE = 0.5
"""Share of the error that is left under a lag that is named.

Chosen, not measured."""


def describe_difference(reference: Array, candidate: Array) -> Json:
    """Numbers that describe the difference (JSON values); only those that say something."""
    if reference.shape != candidate.shape:
        return {"shape_reference": list(reference.shape), "shape_candidate": list(candidate.shape)}
    if reference.dtype.kind in "iub":
        return {"unequal": int((reference != candidate).sum()), "elements": int(reference.size)}
    reference_values, candidate_values = to_float64(reference), to_float64(candidate)
    finite = np.isfinite(reference_values) & np.isfinite(candidate_values)
    result: Json = {
        "error": _round_for_json(relative_error(candidate_values, reference_values)),
        "non_finite": int((~np.isfinite(candidate_values)).sum()),
    }
    if finite.sum() < 2 or np.iscomplexobj(reference_values) or np.iscomplexobj(candidate_values):
        return result
    x, y = reference_values[finite], candidate_values[finite]
    if x.std() and y.std():
        correlation = float(np.corrcoef(x, y)[0, 1])
        gain = correlation * float(y.std() / x.std())
        result |= {
            "correlation": _round_for_json(correlation),
            "gain": _round_for_json(gain),
            "offset": _round_for_json(float(y.mean() - gain * x.mean())),
        }
    peak = np.abs(y).max()
    share = float(np.mean(np.abs(y) >= peak * (1 - 1e-6)))
    if share > MIN_SATURATED_SHARE:
        result["saturated"] = {
            "limit": _round_for_json(float(peak)),
            "share": _round_for_json(share),
        }
    if finite.all() and reference_values.ndim > 1:
        result |= _describe_axes(reference_values, candidate_values)
    return result


def _describe_axes(reference_values: Array, candidate_values: Array) -> Json:
    """The axis over which the error is least even, where on it, and the lag in time that would explain most."""
    squared_error = (candidate_values - reference_values) ** 2
    uneven_axes: list[tuple[float, int, int]] = []
    for axis in range(1, reference_values.ndim):
        error_along_axis = squared_error.mean(
            tuple(a for a in range(reference_values.ndim) if a != axis)
        )
        if len(error_along_axis) > 1 and error_along_axis.mean() > 0:
            uneven_axes.append(
                (
                    float(error_along_axis.max() / error_along_axis.mean()),
                    axis,
                    int(error_along_axis.argmax()),
                )
            )
    description: Json = {}
    if uneven_axes and max(uneven_axes)[0] > MIN_UNEVENNESS:
        ratio, axis, worst_index = max(uneven_axes)
        description["worst"] = {
            "axis": axis,
            "index": worst_index,
            "times_the_mean": _round_for_json(ratio),
        }
    lag = _find_lag(reference_values, candidate_values)
    return description | ({"lag": lag} if lag else {})


def _find_lag(reference_values: Array, candidate_values: Array) -> int:
    """Frames by which the candidate is late along its longest axis; 0 unless a shift halves the error."""
    axis = int(np.argmax(reference_values.shape[1:])) + 1
    reference_series, candidate_series = (
        np.moveaxis(reference_values, axis, -1),
        np.moveaxis(candidate_values, axis, -1),
    )
    max_lag = min(MAX_LAG_FRAMES, reference_series.shape[-1] // 4)
    unshifted_error = relative_error(candidate_series, reference_series)
    best = min(
        range(-max_lag, max_lag + 1),
        key=lambda lag: _measure_shifted_error(reference_series, candidate_series, lag),
        default=0,
    )
    if (
        best
        and _measure_shifted_error(reference_series, candidate_series, best)
        < MAX_LAGGED_SHARE * unshifted_error
    ):
        return best
    return 0


def _measure_shifted_error(reference_series: Array, candidate_series: Array, lag: int) -> float:
    end = reference_series.shape[-1]
    return relative_error(
        candidate_series[..., max(lag, 0) : end + min(lag, 0)],
        reference_series[..., max(-lag, 0) : end - max(lag, 0)],
    )


def _round_for_json(value: float) -> float | None:
    if np.isfinite(value):
        return float(f"{value:.4g}")
    return None
