"""What the two sides write between their modules, and how little the two differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from auscult.explain.algebra.activations import SLOPES
from auscult.explain.algebra.expressions import Expression, expressions
from auscult.explain.algebra.layers import normalise
from auscult.explain.algebra.nearness import error, real, tolerance
from auscult.explain.algebra.norms import NORM_TYPES, as_written
from auscult.explain.case import LayerCase
from auscult.weights import Array

SLACK = (
    3.0  # how far above the floor a reproduction may lie: the floor is a measured rms, not a bound
)
MAX_READINGS = 12


def reference_limit(case: LayerCase) -> float:
    """The relative error within which an expression counts as what the reference does."""
    return tolerance(case.reference)


def candidate_limit(case: LayerCase, floor: float) -> float:
    """The same for the candidate; never so wide that the reference's own tensor would pass."""
    born = error(case.candidate, case.reference)
    widest = 0.34 * born if np.isfinite(born) else 1.0
    return min(max(SLACK * floor, tolerance(case.candidate)), widest)


@dataclass(frozen=True)
class Difference:
    """One reading of both sides.

    Attributes:
        steps: How many of activation, terms and join differ.
    """

    reference: Expression
    candidate: Expression
    steps: int

    @property
    def parameters(self) -> Mapping[str, str]:
        return {"reference": self.reference.says, "candidate": self.candidate.says}


@lru_cache(maxsize=4)
def differences(case: LayerCase, floor: float) -> tuple[Difference, ...]:
    """Readings of the case that reproduce both sides, those that change least first."""
    references, candidates = _read(case, floor, _normalised(case))
    if not references or not candidates:
        references, candidates = _read(case, floor, _normalised(case) | _functional(case))
    found = [Difference(r, c, _steps(r, c)) for r in references for c in candidates if _steps(r, c)]
    return tuple(
        sorted(
            found,
            key=lambda d: (
                d.steps,
                d.reference.complexity + d.candidate.complexity,
                d.candidate.error,
            ),
        )
    )


def _read(
    case: LayerCase, floor: float, alone: Mapping[str, Array]
) -> tuple[list[Expression], list[Expression]]:
    references = expressions(case.reference, case.context, reference_limit(case), alone)[
        :MAX_READINGS
    ]
    if not references:
        return [], []
    return references, expressions(
        case.candidate, case.context, candidate_limit(case, floor), alone
    )[:MAX_READINGS]


def _functional(case: LayerCase) -> dict[str, Array]:
    """Norms without parameters of the latest tensors, and of these behind a leaky ReLU: code may norm between modules."""
    result: dict[str, Array] = {}
    for name, value in list(case.context.items())[-2:]:
        if value.dtype.kind != "f" or value.ndim != 3:
            continue
        x = real(value)
        for slope in (1.0, *SLOPES):
            inner = name if slope == 1.0 else f"leaky_relu({name}, {slope:g})"
            y = x if slope == 1.0 else np.where(x >= 0, x, slope * x)
            result[f"instance_norm({inner})"] = normalise(y, (2,), 1e-5)
            result[f"layer_norm({inner})"] = normalise(y, (1,), 1e-5)
    return result


def _steps(one: Expression, two: Expression) -> int:
    shared = set(one.terms) & set(two.terms)
    terms = max(len(one.terms), len(two.terms)) - len(shared)
    if not terms and one.terms != two.terms:
        terms = 1  # the same in another order
    same = (one.activation.name, one.activation.constant, one.activation.limits) == (
        two.activation.name,
        two.activation.constant,
        two.activation.limits,
    )
    if one.factors != two.factors and not terms:
        return 1
    return terms + (one.join != two.join and len(one.terms) == len(two.terms)) + (not same)


def _normalised(case: LayerCase) -> dict[str, Array]:
    """What a neighbouring norm would give for a tensor at hand, if the candidate applied it here."""
    latest = list(case.context.items())[-3:] + list(case.context.items())[:1]
    return dict(_norms_of(case, latest))


def _norms_of(case: LayerCase, tensors: list[tuple[str, Array]]) -> Iterator[tuple[str, Array]]:
    for path, module in case.attributes.items():
        if not NORM_TYPES.search(module.type) or f"{path}:output" in case.context:
            continue
        for name, value in tensors:
            if (
                value.dtype.kind == "f"
                and (given := as_written(module, case.relatives.get(path, {}), real(value)))
                is not None
            ):
                yield f"{path}({name})", given.astype(np.float32)
