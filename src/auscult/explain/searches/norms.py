"""Under which conventions a normalisation gives the reference's output, and under which the candidate's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.algebra.norms import (
    EPSILONS,
    GAIN_NAMES,
    NORM_TYPE_PATTERN,
    SHIFT_NAMES,
    NormConvention,
    iter_norm_conventions,
)
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches import run_once_per_case
from auscult.weights import Array

SEARCH = "norms"
USUAL_GROUP_COUNTS = (2, 4, 8, 16, 32)
MAX_ROUGH_ERROR = 0.7
"""Relative error with the default eps beyond which no eps is looked for.

Chosen, not measured."""
MAX_REFINED_CONVENTIONS = 6
"""Conventions, the nearest with a usual eps, for which another eps is looked for: each costs 48 norms of the whole tensor.

Chosen, not measured."""
MAX_REFERENCE_CONVENTIONS = 3
"""Conventions of the reference that the candidate's are held against.

Chosen, not measured."""
MAX_POWER_RATIO = 2.0
"""Largest over smallest power of the frames (or channels) that a norm without parameters leaves.

Chosen, not measured."""
MAX_POWER_OFFSET = 0.2
"""How far the median of these powers may lie from 1.

Chosen, not measured."""
MAX_EPS_RATIO = 0.99
"""Residual with the best eps over that with the worst, above which eps makes no difference.

Chosen, not measured."""
GOLDEN_SECTION = 0.618
EPS_STEPS = 24
"""Steps of the search for eps; each makes the interval of two decades 0.618 times as long."""


@dataclass(frozen=True)
class NormDifference:
    """Two conventions, one per side, and the names of the fields in which they differ."""

    reference: NormConvention
    candidate: NormConvention
    unequal: frozenset[str]
    residual: float

    @property
    def kinds(self) -> tuple[str, str]:
        """The reference's kind and the candidate's."""
        return self.reference.kind, self.candidate.kind

    @property
    def is_eps_only(self) -> bool:
        """The two differ in eps alone, or in the place where it is added."""
        return self.unequal <= {"eps", "outside"}

    @property
    def uses_batch_statistics(self) -> bool:
        """The reference norms by stored statistics, the candidate by those of this batch."""
        return self.kinds == ("batch", "batch-statistics")

    @property
    def uses_fresh_statistics(self) -> bool:
        """The reference norms by stored statistics, the candidate by those of a constructor."""
        return self.kinds == ("batch", "batch-fresh")

    @property
    def concerns_groups(self) -> bool:
        """One side at least norms over groups of channels."""
        return "group" in self.kinds

    def to_explanation(self, cause: str, message: str) -> Explanation:
        """The explanation of a place by another normalisation."""
        reference, candidate = asdict(self.reference), asdict(self.candidate)
        names = sorted(self.unequal)
        arguments = ", ".join(f"{name}={reference[name]!r}" for name in names)
        return Explanation(
            cause,
            {
                "reference": {name: reference[name] for name in names},
                "candidate": {name: candidate[name] for name in names},
            },
            self.residual,
            message,
            fix=f"normalise with {arguments}",
            # a statistic over other axes with another eps beside it is two mistakes
            complexity=len(self.unequal - {"groups", "axis"}) or 1,
        )


@run_once_per_case
def find_norm_differences(case: LayerCase, floor: float) -> tuple[NormDifference, ...]:
    """Pairs of conventions of which one gives the reference's output, the other the candidate's."""
    differences: list[NormDifference] = []
    for x, weights in _iter_inputs(case):
        differences += _compare_conventions(case, x, weights, floor)
    return tuple(differences)


def _compare_conventions(
    case: LayerCase, x: Array, weights: Mapping[str, Array], floor: float
) -> Iterator[NormDifference]:
    groups = _list_group_counts(case, x)
    references = list(_iter_fitting(case.reference, x, weights, groups, get_reference_limit(case)))
    if not references:
        return
    limit = get_candidate_limit(case, floor)
    candidates = list(_iter_fitting(case.candidate, x, weights, groups, limit))
    for reference, _ in references[:MAX_REFERENCE_CONVENTIONS]:
        reference_fields = asdict(reference)
        for candidate, residual in candidates:
            candidate_fields = asdict(candidate)
            unequal = frozenset(
                name for name, value in reference_fields.items() if value != candidate_fields[name]
            )
            if unequal:
                yield NormDifference(reference, candidate, unequal, residual)


def _iter_inputs(case: LayerCase) -> Iterator[tuple[Array, Mapping[str, Array]]]:
    """What may have been normalised: the input of a norm module, or the latest tensors where the code norms between modules."""
    is_norm = NORM_TYPE_PATTERN.search(case.module.type) or _owns_gain_alone(case)
    if is_norm and case.role == "output" and case.input is not None:
        yield to_float64(case.input), case.weights
    elif case.role != "output" or not case.weights:
        is_even = case.reference.dtype.kind != "c" and _is_even(to_float64(case.reference))
        for value in list(case.context.values())[-2:]:
            if value.dtype.kind == "f" and value.ndim > 1 and is_even:
                yield to_float64(value), {}


def _owns_gain_alone(case: LayerCase) -> bool:
    """Whether a module, whatever its class is called, keeps the shape and owns one value per channel: a gain, and perhaps a
    shift.
    """
    if case.input is None or case.input.shape != case.reference.shape:
        return False
    channels = {weight.size for weight in case.weights.values()}
    return (
        len(channels) == 1
        and channels <= set(case.reference.shape[1:])
        and set(case.weights) <= {*GAIN_NAMES, *SHIFT_NAMES}
        and bool(set(case.weights) & set(GAIN_NAMES))
    )


def _is_even(x: Array) -> bool:
    """Whether every frame, or every channel, has the same power: what a norm without parameters leaves."""
    powers = [np.mean(x**2, axis) for axis in range(1, x.ndim)]
    return any(
        p.max() < MAX_POWER_RATIO * p.min() and abs(np.median(p) - 1) < MAX_POWER_OFFSET
        for p in powers
        if p.size and np.isfinite(p).all()
    )


def _list_group_counts(case: LayerCase, x: Array) -> tuple[int, ...]:
    declared_groups = case.module.attributes.get("num_groups")
    if declared_groups:
        return (int(declared_groups),)
    return tuple(g for g in USUAL_GROUP_COUNTS if any(n > g and n % g == 0 for n in x.shape[1:]))


def _iter_fitting(
    tensor: Array, x: Array, weights: Mapping[str, Array], groups: tuple[int, ...], limit: float
) -> Iterator[tuple[NormConvention, float]]:
    """Conventions, with their eps, that give the wanted tensor; usual values of eps before others."""
    target = to_float64(tensor)
    if target.shape != x.shape:
        return
    misfits: list[tuple[float, NormConvention]] = []
    for convention in iter_norm_conventions(x, groups):
        if convention.affine and not weights:
            continue
        rough_output = convention(x, weights)
        if rough_output is None or relative_error(rough_output, target) > MAX_ROUGH_ERROR:
            continue
        residual_by_norm = {
            norm: _compute_residual(norm, x, weights, target)
            for norm in (replace(convention, eps=eps) for eps in EPSILONS)
        }
        best = min(residual_by_norm, key=lambda norm: residual_by_norm[norm])
        if residual_by_norm[best] <= limit:
            yield best, residual_by_norm[best]
        elif _depends_on_eps(residual_by_norm.values()):
            misfits.append((residual_by_norm[best], best))
    misfits.sort(key=lambda misfit: misfit[0])
    for _, near in misfits[:MAX_REFINED_CONVENTIONS]:
        refined = _refine_eps(near, x, weights, target)
        residual = _compute_residual(refined, x, weights, target)
        if residual <= limit:
            yield refined, residual


def _depends_on_eps(residuals: Iterable[float]) -> bool:
    """Whether some eps among the usual ones is nearer than others: where none is, no other between them will be."""
    finite = [residual for residual in residuals if np.isfinite(residual)]
    return bool(finite) and min(finite) < MAX_EPS_RATIO * max(finite)


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
    for _ in range(EPS_STEPS):
        lower_point, upper_point = (
            high - GOLDEN_SECTION * (high - low),
            low + GOLDEN_SECTION * (high - low),
        )
        residuals = [
            _compute_residual(replace(norm, eps=10**point), x, weights, target)
            for point in (lower_point, upper_point)
        ]
        if residuals[0] < residuals[1]:
            high = upper_point
        else:
            low = lower_point
    return replace(norm, eps=float(10 ** ((low + high) / 2)))
