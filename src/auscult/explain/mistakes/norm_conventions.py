"""A normalisation with another eps, over other axes or groups, with other statistics, or without its gain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace

import numpy as np

from auscult.explain.algebra.nearness import error, real
from auscult.explain.algebra.norms import EPSILONS, NORM_TYPES, Norm, conventions
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import candidate_limit, reference_limit
from auscult.weights import Array

NAMES = ("layer-norm-eps", "group-norm-convention", "norm-convention", "batch-norm-train-mode")
_GROUPS = (2, 4, 8, 16, 32)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    for x, weights in _inputs(case):
        groups = _groups(case, x)
        rights = list(_fitting(case.reference, x, weights, groups, reference_limit(case)))
        if not rights:
            continue
        limit = candidate_limit(case, floor)
        for right, _ in rights[:3]:
            for got, residual in _fitting(case.candidate, x, weights, groups, limit):
                yield from _told(right, got, residual)


def _inputs(case: LayerCase) -> Iterator[tuple[Array, Mapping[str, Array]]]:
    """What may have been normalised: the input of a norm module, or the latest tensors where the code norms between modules."""
    if NORM_TYPES.search(case.module.type) and case.role == "output" and case.input is not None:
        yield real(case.input), case.weights
    elif case.role != "output" or not case.weights:
        for value in list(case.context.values())[-2:]:
            if value.dtype.kind == "f" and value.ndim > 1 and _is_even(real(case.reference)):
                yield real(value), {}


def _is_even(x: Array) -> bool:
    """Whether every frame, or every channel, has the same power: what a norm without parameters leaves."""
    powers = [np.mean(x**2, axis) for axis in range(1, x.ndim)]
    return any(
        p.max() < 2 * p.min() and abs(np.median(p) - 1) < 0.2
        for p in powers
        if p.size and np.isfinite(p).all()
    )


def _groups(case: LayerCase, x: Array) -> tuple[int, ...]:
    told = case.module.attributes.get("num_groups")
    if told:
        return (int(told),)
    return tuple(g for g in _GROUPS if any(n > g and n % g == 0 for n in x.shape[1:]))


def _fitting(
    wanted: Array, x: Array, weights: Mapping[str, Array], groups: tuple[int, ...], limit: float
) -> Iterator[tuple[Norm, float]]:
    """Conventions, with their eps, that give the wanted tensor; usual values of eps before others."""
    target = real(wanted)
    if target.shape != x.shape:
        return
    for convention in conventions(x, groups):
        if convention.affine and not weights:
            continue
        rough = convention(x, weights)
        if rough is None or error(rough, target) > 0.7:
            continue
        best = min(
            (replace(convention, eps=eps) for eps in EPSILONS),
            key=lambda norm: _miss(norm, x, weights, target),
        )
        refined = _refined(best, x, weights, target)
        if _miss(best, x, weights, target) <= limit:
            yield best, _miss(best, x, weights, target)
        elif _miss(refined, x, weights, target) <= limit:
            yield refined, _miss(refined, x, weights, target)


def _miss(norm: Norm, x: Array, weights: Mapping[str, Array], target: Array) -> float:
    given = norm(x, weights)
    return float("inf") if given is None else error(given, target)


def _refined(norm: Norm, x: Array, weights: Mapping[str, Array], target: Array) -> Norm:
    """The eps between the decades round the best usual one that fits best (golden section over its logarithm)."""
    low, high = np.log10(max(norm.eps, 1e-13)) - 1, np.log10(max(norm.eps, 1e-13)) + 1
    for _ in range(24):
        left, right = high - 0.618 * (high - low), low + 0.618 * (high - low)
        misses = [
            _miss(replace(norm, eps=10**point), x, weights, target) for point in (left, right)
        ]
        low, high = (low, right) if misses[0] < misses[1] else (left, high)
    return replace(norm, eps=float(10 ** ((low + high) / 2)))


def _told(right: Norm, got: Norm, residual: float) -> Iterator[Explanation]:
    one, two = asdict(right), asdict(got)
    unequal = {name for name in one if one[name] != two[name]}
    if not unequal:
        return
    parameters = {
        "reference": {name: one[name] for name in sorted(unequal)},
        "candidate": {name: two[name] for name in sorted(unequal)},
    }
    cause, says = _cause(right, got, unequal)
    fix = ", ".join(f"{name}={one[name]!r}" for name in sorted(unequal))
    # a statistic over other axes with another eps beside it is two mistakes
    complexity = len(unequal - {"groups", "axis"}) or 1
    yield Explanation(
        cause, parameters, residual, says, fix=f"normalise with {fix}", complexity=complexity
    )


def _cause(right: Norm, got: Norm, unequal: set[str]) -> tuple[str, str]:
    if unequal <= {"eps", "outside"}:
        where = {True: " beside the root", False: ""}
        text = f"its eps is {got.eps:.3g}{where[got.outside]}, the reference's {right.eps:.3g}{where[right.outside]}"
        return "layer-norm-eps", text
    if {right.kind, got.kind} == {"batch", "batch-statistics"} and got.kind == "batch-statistics":
        return (
            "batch-norm-train-mode",
            "it normalises by the statistics of this batch, not the stored ones: it is in training mode",
        )
    if "group" in (right.kind, got.kind):
        return (
            "group-norm-convention",
            f"it groups channels as {_groups_said(got)}, the reference as {_groups_said(right)}",
        )
    return "norm-convention", f"it normalises as {_said(got)}, the reference as {_said(right)}"


def _groups_said(norm: Norm) -> str:
    if norm.kind != "group":
        return norm.kind
    return f"{norm.groups} groups of {'strided' if norm.strided else 'neighbouring'} channels"


def _said(norm: Norm) -> str:
    parts = [
        norm.kind,
        f"axis {norm.axis}",
        "" if norm.affine else "without gain",
        "unbiased" if norm.ddof else "",
    ]
    return ", ".join(part for part in parts if part)
