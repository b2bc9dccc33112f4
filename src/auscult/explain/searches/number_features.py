"""By which formula numbers were made into sines and cosines, on either side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from itertools import product

import numpy as np

from auscult.explain.algebra import layers as ops
from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches import run_once_per_case
from auscult.weights import Array

SEARCH = "number_features"
SCALES = (
    1.0,
    1000.0,
    1 / 1000,
    2 * np.pi,
    1 / (2 * np.pi),
    2000 * np.pi,
    100.0,
    256.0,
    1 / 256,
    2 * np.pi / 256,
    512 * np.pi,
    np.pi,
)
NUMBER_FACTORS = (1.0, 1 / 256, 256.0, 1 / 1000, 1 / 512)
"""Factors on the number itself, where it is one of the features."""
BASES = (10000.0, 100.0)
MAX_NUMBERS = 64
"""Elements of a tensor that may hold the numbers.

Chosen, not measured."""
MAX_SCALED_ERROR = 2e-3
"""Relative error up to which the nearest formula is taken where none is within the limit.

Scaling by 1000 multiplies float32's rounding of t itself: phases are only as exact as that. Chosen, not measured."""


@dataclass(frozen=True)
class FeatureFormula:
    """One way to make features of numbers t.

    Attributes:
        order: Of sines and cosines, and in front of or behind them the number itself: `x-sin-cos`.
        scale: t is multiplied by it first.
        number: The factor on the number itself, where it is one of the features.
        shift: In the frequencies base ** (-i / (half - shift)); -1 for learned frequencies.
    """

    order: str
    scale: float = 1.0
    number: float = 1.0
    shift: int = 0
    base: float = 10000.0


@dataclass(frozen=True)
class FeatureDifference:
    """Two formulas, one per side, and the names of the fields in which they differ."""

    reference: FeatureFormula
    candidate: FeatureFormula
    unequal: tuple[str, ...]
    residual: float

    @property
    def has_number(self) -> bool:
        """Whether the number itself is one of the features."""
        return "x" in self.reference.order

    def to_explanation(self, cause: str, *, complexity: int) -> Explanation:
        """The explanation of a place by other features."""
        sides = {
            "reference": {name: getattr(self.reference, name) for name in self.unequal},
            "candidate": {name: getattr(self.candidate, name) for name in self.unequal},
        }
        reference_text = _describe_side(sides["reference"])
        candidate_text = _describe_side(sides["candidate"])
        return Explanation(
            cause,
            sides,
            self.residual,
            f"it makes features with {candidate_text}, the reference with {reference_text}",
            fix=f"use {reference_text}",
            complexity=complexity,
        )


@run_once_per_case
def find_feature_differences(case: LayerCase, floor: float) -> tuple[FeatureDifference, ...]:
    """Pairs of formulas of which one gives the reference's features, the other the candidate's."""
    if (
        case.reference.dtype.kind != "f"
        or case.reference.shape != case.candidate.shape
        or case.reference.ndim < 2
    ):
        return ()
    frequencies = list(_find_frequencies(case, case.reference.shape[-1]))
    differences: list[FeatureDifference] = []
    for numbers, weights in product(_find_numbers(case), frequencies):
        differences += _compare_formulas(case, numbers, weights, floor)
    return tuple(differences)


def _compare_formulas(
    case: LayerCase, numbers: Array, weights: Array | None, floor: float
) -> Iterator[FeatureDifference]:
    is_odd = case.reference.shape[-1] % 2 == 1
    formulas = list(_list_formulas(learned=weights is not None, single=is_odd))
    limit = get_reference_limit(case)
    references = _find_fitting(case.reference, numbers, weights, formulas, limit)
    if not references:
        return
    reference = references[0][0]
    limit = get_candidate_limit(case, floor)
    for candidate, residual in _find_fitting(case.candidate, numbers, weights, formulas, limit):
        unequal = tuple(
            entry.name
            for entry in fields(FeatureFormula)
            if getattr(reference, entry.name) != getattr(candidate, entry.name)
        )
        if unequal:
            yield FeatureDifference(reference, candidate, unequal, residual)


def _find_numbers(case: LayerCase) -> Iterator[Array]:
    """Small inputs that features may have been made of: [batch] or [batch, 1]."""
    tensors = {**case.inputs, **case.context}
    for value in tensors.values():
        if 0 < value.size <= MAX_NUMBERS and value.dtype.kind in "fiu":
            yield to_float64(value).reshape(-1)


def _find_frequencies(case: LayerCase, width: int) -> Iterator[Array | None]:
    tensors = {**case.weights}
    for weights in case.relatives.values():
        tensors.update(weights)
    for value in tensors.values():
        if value.size == width // 2 and value.dtype.kind == "f":
            yield to_float64(value).reshape(-1)
    yield None


@cache
def _list_formulas(*, learned: bool, single: bool) -> tuple[FeatureFormula, ...]:
    """Usual ways, one factor varied at a time from any order."""
    orders = [f"{prefix}{order}" for order in ("sin-cos", "cos-sin") for prefix in ("x-", "")] + [
        "sin-cos-x",
        "cos-sin-x",
    ]
    orders = [order for order in orders if ("x" in order) == single] + (
        [] if single else ["interleaved"]
    )
    shapes = [(-1, 1.0)] if learned else list(product((0, 1), BASES))
    numbers = NUMBER_FACTORS if single else (1.0,)
    return tuple(
        FeatureFormula(order, scale, number, shift, base)
        for order in orders
        for scale in SCALES
        for number in numbers
        for shift, base in shapes
    )


def _compute_features(
    features: FeatureFormula, numbers: Array, weights: Array | None, width: int
) -> Array:
    half = width // 2
    default_frequencies = features.base ** (-np.arange(half) / max(half - features.shift, 1))
    frequencies = default_frequencies if weights is None else weights
    angles = features.scale * numbers[:, None] * frequencies
    raw_numbers = features.number * numbers[:, None]
    parts = {"x": raw_numbers, "sin": np.sin(angles), "cos": np.cos(angles)}
    if features.order == "interleaved":
        return ops.arrange_sinusoids(parts["sin"], parts["cos"], "interleaved")
    return np.concatenate([parts[name] for name in features.order.split("-")], -1)


def _find_fitting(
    target: Array,
    numbers: Array,
    weights: Array | None,
    formulas: list[FeatureFormula],
    limit: float,
) -> list[tuple[FeatureFormula, float]]:
    expected = to_float64(target).reshape(-1, target.shape[-1])
    if len(expected) != len(numbers):
        return []
    loose_limit = max(limit, MAX_SCALED_ERROR)
    fits = [
        (
            formula,
            relative_error(
                _compute_features(formula, numbers, weights, target.shape[-1]), expected
            ),
        )
        for formula in formulas
    ]
    close_fits = sorted((fit for fit in fits if fit[1] <= limit), key=lambda fit: fit[1])
    return (
        close_fits
        or sorted((fit for fit in fits if fit[1] <= loose_limit), key=lambda fit: fit[1])[:1]
    )


def _describe_side(side: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in side.items()
    )
