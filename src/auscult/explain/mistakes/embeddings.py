"""Features of numbers and positions: sinusoids of time, of a number, of a position, in another scale, order or offset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from itertools import product

import numpy as np

from auscult.explain.algebra import layers as ops
from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import get_candidate_limit, get_reference_limit
from auscult.weights import Array

NAMES = (
    "time-embedding-scale",
    "time-embedding-order",
    "number-embedding",
    "position-offset",
    "time-embedding-frequencies",
)
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
ORDERS = ("sin-cos", "cos-sin", "interleaved")
OFFSETS = (0, 1, -1, 2)
MAX_NUMBERS = 64


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


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    if (
        case.reference.dtype.kind != "f"
        or case.reference.shape != case.candidate.shape
        or case.reference.ndim < 2
    ):
        return
    yield from _explain_numbers(case, floor)
    yield from _explain_positions(case, floor)


def _explain_numbers(case: LayerCase, floor: float) -> Iterator[Explanation]:
    width = case.reference.shape[-1]
    for numbers in _find_numbers(case):
        for weights in _find_frequencies(case, width):
            formulas = list(_list_formulas(learned=weights is not None, single=width % 2 == 1))
            reference_fits = _find_fitting(
                case.reference, numbers, weights, formulas, get_reference_limit(case)
            )
            if not reference_fits:
                continue
            for candidate, residual in _find_fitting(
                case.candidate, numbers, weights, formulas, get_candidate_limit(case, floor)
            ):
                yield from _explain_difference(reference_fits[0][0], candidate, residual)


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
    shapes = [(-1, 1.0)] if learned else list(product((0, 1), (10000.0, 100.0)))
    numbers = (1.0, 1 / 256, 256.0, 1 / 1000, 1 / 512) if single else (1.0,)
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
    # scaling by 1000 multiplies float32's rounding of t itself: phases are only as exact as that
    loose_limit = max(limit, 2e-3)
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


def _explain_difference(
    reference: FeatureFormula, candidate: FeatureFormula, residual: float
) -> Iterator[Explanation]:
    unequal = [
        entry.name
        for entry in fields(FeatureFormula)
        if getattr(reference, entry.name) != getattr(candidate, entry.name)
    ]
    if not unequal:
        return
    has_number = "x" in reference.order
    if has_number:
        cause = "number-embedding"
    elif "order" in unequal:
        cause = "time-embedding-order"
    elif "scale" in unequal:
        cause = "time-embedding-scale"
    else:
        cause = "time-embedding-frequencies"
    sides = {
        "reference": {n: getattr(reference, n) for n in unequal},
        "candidate": {n: getattr(candidate, n) for n in unequal},
    }
    message = f"it makes features with {_describe_side(sides['candidate'])}, the reference with {_describe_side(sides['reference'])}"
    yield Explanation(
        cause,
        sides,
        residual,
        message,
        fix=f"use {_describe_side(sides['reference'])}",
        complexity=len(unequal) if not has_number else 1,
    )


def _describe_side(side: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in side.items()
    )


def _explain_positions(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """x plus a table of positions that starts elsewhere: sinusoidal, or a learned one among the weights."""
    shape = case.reference.shape
    if len(shape) != 3:
        return
    limits = (get_reference_limit(case), get_candidate_limit(case, floor))
    tables = list(_iter_tables(case, shape[1], shape[2]))
    for value in (
        np.zeros(shape),
        *(
            to_float64(tensor)
            for tensor in list(case.context.values())[-3:]
            if tensor.shape == shape and tensor.dtype.kind == "f"
        ),
    ):
        for table in tables:
            reference_offsets = [
                offset
                for offset in OFFSETS
                if (row := table(offset)) is not None
                and relative_error(value + row, to_float64(case.reference)) <= limits[0]
            ]
            for candidate_offset in OFFSETS if reference_offsets else ():
                row = table(candidate_offset)
                if row is None or candidate_offset in reference_offsets:
                    continue
                residual = relative_error(value + row, to_float64(case.candidate))
                sides = {
                    "reference": {"first": reference_offsets[0]},
                    "candidate": {"first": candidate_offset},
                }
                message = f"its positions start at {candidate_offset}, the reference's at {reference_offsets[0]}"
                yield Explanation(
                    "position-offset",
                    sides,
                    residual,
                    message,
                    fix=f"count positions from {reference_offsets[0]}",
                )


def _iter_tables(case: LayerCase, frames: int, width: int) -> Iterator[_PositionTable]:
    for order in ORDERS if width % 2 == 0 else ():
        for shift in (0, 1):
            yield _PositionTable(None, frames, width, order, shift)
    tensors = [
        *case.weights.values(),
        *(w for weights in case.relatives.values() for w in weights.values()),
    ]
    for value in tensors:
        flat = value.reshape(-1, value.shape[-1]) if value.ndim > 1 else None
        if flat is not None and flat.shape[-1] == width and len(flat) >= frames:
            yield _PositionTable(to_float64(flat), frames, width)


@dataclass(frozen=True, eq=False)
class _PositionTable:
    rows: Array | None
    frames: int
    width: int
    order: str = "sin-cos"
    shift: int = 0

    def __call__(self, first: int) -> Array | None:
        """Rows from `first` on, [time, features]."""
        if self.rows is None:
            positions = np.arange(self.frames) + float(first)
            return ops.make_sinusoids(positions, self.width, order=self.order, shift=self.shift)  # type: ignore[arg-type]
        if first < 0 or first + self.frames > len(self.rows):
            return None
        return self.rows[first : first + self.frames]
