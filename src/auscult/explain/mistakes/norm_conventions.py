"""A normalisation with another eps, over other axes or groups, with other statistics, or without its gain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.algebra.norms import (
    EPSILONS,
    NORM_TYPE_PATTERN,
    NormConvention,
    iter_norm_conventions,
)
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import get_candidate_limit, get_reference_limit
from auscult.weights import Array

NAMES = ("layer-norm-eps", "group-norm-convention", "norm-convention", "batch-norm-train-mode")
_GROUP_COUNTS = (2, 4, 8, 16, 32)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    for x, weights in _iter_inputs(case):
        groups = _list_group_counts(case, x)
        reference_fits = list(
            _iter_fitting(case.reference, x, weights, groups, get_reference_limit(case))
        )
        if not reference_fits:
            continue
        limit = get_candidate_limit(case, floor)
        for reference, _ in reference_fits[:3]:
            for candidate, residual in _iter_fitting(case.candidate, x, weights, groups, limit):
                yield from _explain_difference(reference, candidate, residual)


def _iter_inputs(case: LayerCase) -> Iterator[tuple[Array, Mapping[str, Array]]]:
    """What may have been normalised: the input of a norm module, or the latest tensors where the code norms between modules."""
    if (
        NORM_TYPE_PATTERN.search(case.module.type)
        and case.role == "output"
        and case.input is not None
    ):
        yield to_float64(case.input), case.weights
    elif case.role != "output" or not case.weights:
        for value in list(case.context.values())[-2:]:
            if value.dtype.kind == "f" and value.ndim > 1 and _is_even(to_float64(case.reference)):
                yield to_float64(value), {}


def _is_even(x: Array) -> bool:
    """Whether every frame, or every channel, has the same power: what a norm without parameters leaves."""
    powers = [np.mean(x**2, axis) for axis in range(1, x.ndim)]
    return any(
        p.max() < 2 * p.min() and abs(np.median(p) - 1) < 0.2
        for p in powers
        if p.size and np.isfinite(p).all()
    )


def _list_group_counts(case: LayerCase, x: Array) -> tuple[int, ...]:
    declared_groups = case.module.attributes.get("num_groups")
    if declared_groups:
        return (int(declared_groups),)
    return tuple(g for g in _GROUP_COUNTS if any(n > g and n % g == 0 for n in x.shape[1:]))


def _iter_fitting(
    tensor: Array, x: Array, weights: Mapping[str, Array], groups: tuple[int, ...], limit: float
) -> Iterator[tuple[NormConvention, float]]:
    """Conventions, with their eps, that give the wanted tensor; usual values of eps before others."""
    target = to_float64(tensor)
    if target.shape != x.shape:
        return
    for convention in iter_norm_conventions(x, groups):
        if convention.affine and not weights:
            continue
        rough_output = convention(x, weights)
        if rough_output is None or relative_error(rough_output, target) > 0.7:
            continue
        best = min(
            (replace(convention, eps=eps) for eps in EPSILONS),
            key=lambda norm: _compute_residual(norm, x, weights, target),
        )
        refined = _refine_eps(best, x, weights, target)
        if _compute_residual(best, x, weights, target) <= limit:
            yield best, _compute_residual(best, x, weights, target)
        elif _compute_residual(refined, x, weights, target) <= limit:
            yield refined, _compute_residual(refined, x, weights, target)


def _compute_residual(
    norm: NormConvention, x: Array, weights: Mapping[str, Array], target: Array
) -> float:
    output = norm(x, weights)
    if output is None:
        return float("inf")
    return relative_error(output, target)


def _refine_eps(
    norm: NormConvention, x: Array, weights: Mapping[str, Array], target: Array
) -> NormConvention:
    """The eps between the decades round the best usual one that fits best (golden section over its logarithm)."""
    low, high = np.log10(max(norm.eps, 1e-13)) - 1, np.log10(max(norm.eps, 1e-13)) + 1
    for _ in range(24):
        lower_point, upper_point = high - 0.618 * (high - low), low + 0.618 * (high - low)
        residuals = [
            _compute_residual(replace(norm, eps=10**point), x, weights, target)
            for point in (lower_point, upper_point)
        ]
        if residuals[0] < residuals[1]:
            high = upper_point
        else:
            low = lower_point
    return replace(norm, eps=float(10 ** ((low + high) / 2)))


def _explain_difference(
    reference: NormConvention, candidate: NormConvention, residual: float
) -> Iterator[Explanation]:
    reference_fields, candidate_fields = asdict(reference), asdict(candidate)
    unequal = {
        name for name in reference_fields if reference_fields[name] != candidate_fields[name]
    }
    if not unequal:
        return
    parameters = {
        "reference": {name: reference_fields[name] for name in sorted(unequal)},
        "candidate": {name: candidate_fields[name] for name in sorted(unequal)},
    }
    cause, message = _choose_cause(reference, candidate, unequal)
    fix = ", ".join(f"{name}={reference_fields[name]!r}" for name in sorted(unequal))
    # a statistic over other axes with another eps beside it is two mistakes
    complexity = len(unequal - {"groups", "axis"}) or 1
    yield Explanation(
        cause, parameters, residual, message, fix=f"normalise with {fix}", complexity=complexity
    )


def _choose_cause(
    reference: NormConvention, candidate: NormConvention, unequal: set[str]
) -> tuple[str, str]:
    if unequal <= {"eps", "outside"}:
        suffixes = {True: " beside the root", False: ""}
        text = f"its eps is {candidate.eps:.3g}{suffixes[candidate.outside]}, the reference's {reference.eps:.3g}{suffixes[reference.outside]}"
        return "layer-norm-eps", text
    if {reference.kind, candidate.kind} == {
        "batch",
        "batch-statistics",
    } and candidate.kind == "batch-statistics":
        return (
            "batch-norm-train-mode",
            "it normalises by the statistics of this batch, not the stored ones: it is in training mode",
        )
    if "group" in (reference.kind, candidate.kind):
        return (
            "group-norm-convention",
            f"it groups channels as {_describe_groups(candidate)}, the reference as {_describe_groups(reference)}",
        )
    return (
        "norm-convention",
        f"it normalises as {_describe_norm(candidate)}, the reference as {_describe_norm(reference)}",
    )


def _describe_groups(norm: NormConvention) -> str:
    if norm.kind != "group":
        return norm.kind
    return f"{norm.groups} groups of {'strided' if norm.strided else 'neighbouring'} channels"


def _describe_norm(norm: NormConvention) -> str:
    parts = [
        norm.kind,
        f"axis {norm.axis}",
        "" if norm.affine else "without gain",
        "unbiased" if norm.ddof else "",
    ]
    return ", ".join(part for part in parts if part)
