"""Features of numbers and positions: sinusoids of time, of a number, of a position, in another scale, order or offset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from itertools import product

import numpy as np

from auscult.explain.algebra import layers as ops
from auscult.explain.algebra.nearness import error, real
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import candidate_limit, reference_limit
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
class Features:
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
    yield from _of_numbers(case, floor)
    yield from _of_positions(case, floor)


def _of_numbers(case: LayerCase, floor: float) -> Iterator[Explanation]:
    width = case.reference.shape[-1]
    for numbers in _numbers(case):
        for weights in _frequencies(case, width):
            options = list(_options(learned=weights is not None, single=width % 2 == 1))
            rights = _fitting(case.reference, numbers, weights, options, reference_limit(case))
            if not rights:
                continue
            for got, residual in _fitting(
                case.candidate, numbers, weights, options, candidate_limit(case, floor)
            ):
                yield from _told(rights[0][0], got, residual)


def _numbers(case: LayerCase) -> Iterator[Array]:
    """Small inputs that features may have been made of: [batch] or [batch, 1]."""
    seen = {**case.inputs, **case.context}
    for value in seen.values():
        if 0 < value.size <= MAX_NUMBERS and value.dtype.kind in "fiu":
            yield real(value).reshape(-1)


def _frequencies(case: LayerCase, width: int) -> Iterator[Array | None]:
    held = {**case.weights}
    for weights in case.relatives.values():
        held.update(weights)
    for value in held.values():
        if value.size == width // 2 and value.dtype.kind == "f":
            yield real(value).reshape(-1)
    yield None


@cache
def _options(*, learned: bool, single: bool) -> tuple[Features, ...]:
    """Usual ways, one factor varied at a time from any order."""
    orders = [f"{where}{order}" for order in ("sin-cos", "cos-sin") for where in ("x-", "")] + [
        "sin-cos-x",
        "cos-sin-x",
    ]
    orders = [order for order in orders if ("x" in order) == single] + (
        [] if single else ["interleaved"]
    )
    shapes = [(-1, 1.0)] if learned else list(product((0, 1), (10000.0, 100.0)))
    numbers = (1.0, 1 / 256, 256.0, 1 / 1000, 1 / 512) if single else (1.0,)
    return tuple(
        Features(order, scale, number, shift, base)
        for order in orders
        for scale in SCALES
        for number in numbers
        for shift, base in shapes
    )


def _made(features: Features, numbers: Array, weights: Array | None, width: int) -> Array:
    half = width // 2
    usual = features.base ** (-np.arange(half) / max(half - features.shift, 1))
    frequencies = usual if weights is None else weights
    angles = features.scale * numbers[:, None] * frequencies
    own = features.number * numbers[:, None]
    parts = {"x": own, "sin": np.sin(angles), "cos": np.cos(angles)}
    if features.order == "interleaved":
        return ops.arranged(parts["sin"], parts["cos"], "interleaved")
    return np.concatenate([parts[name] for name in features.order.split("-")], -1)


def _fitting(
    target: Array, numbers: Array, weights: Array | None, options: list[Features], limit: float
) -> list[tuple[Features, float]]:
    wanted = real(target).reshape(-1, target.shape[-1])
    if len(wanted) != len(numbers):
        return []
    # scaling by 1000 multiplies float32's rounding of t itself: phases are only as exact as that
    loose = max(limit, 2e-3)
    found = [
        (one, error(_made(one, numbers, weights, target.shape[-1]), wanted)) for one in options
    ]
    near = sorted((pair for pair in found if pair[1] <= limit), key=lambda pair: pair[1])
    return (
        near or sorted((pair for pair in found if pair[1] <= loose), key=lambda pair: pair[1])[:1]
    )


def _told(right: Features, got: Features, residual: float) -> Iterator[Explanation]:
    unequal = [f.name for f in fields(Features) if getattr(right, f.name) != getattr(got, f.name)]
    if not unequal:
        return
    number = "x" in right.order
    if number:
        cause = "number-embedding"
    elif "order" in unequal:
        cause = "time-embedding-order"
    elif "scale" in unequal:
        cause = "time-embedding-scale"
    else:
        cause = "time-embedding-frequencies"
    sides = {
        "reference": {n: getattr(right, n) for n in unequal},
        "candidate": {n: getattr(got, n) for n in unequal},
    }
    says = f"it makes features with {_said(sides['candidate'])}, the reference with {_said(sides['reference'])}"
    yield Explanation(
        cause,
        sides,
        residual,
        says,
        fix=f"use {_said(sides['reference'])}",
        complexity=len(unequal) if not number else 1,
    )


def _said(side: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in side.items()
    )


def _of_positions(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """x plus a table of positions that starts elsewhere: sinusoidal, or a learned one among the weights."""
    shape = case.reference.shape
    if len(shape) != 3:
        return
    limits = (reference_limit(case), candidate_limit(case, floor))
    tables = list(_tables(case, shape[1], shape[2]))
    for value in (
        np.zeros(shape),
        *(
            real(v)
            for v in list(case.context.values())[-3:]
            if v.shape == shape and v.dtype.kind == "f"
        ),
    ):
        for table in tables:
            right = [
                o
                for o in OFFSETS
                if (row := table(o)) is not None
                and error(value + row, real(case.reference)) <= limits[0]
            ]
            for got in OFFSETS if right else ():
                row = table(got)
                if row is None or got in right:
                    continue
                residual = error(value + row, real(case.candidate))
                sides = {"reference": {"first": right[0]}, "candidate": {"first": got}}
                says = f"its positions start at {got}, the reference's at {right[0]}"
                yield Explanation(
                    "position-offset", sides, residual, says, fix=f"count positions from {right[0]}"
                )


def _tables(case: LayerCase, frames: int, width: int) -> Iterator[_Table]:
    for order in ORDERS if width % 2 == 0 else ():
        for shift in (0, 1):
            yield _Table(None, frames, width, order, shift)
    held = [
        *case.weights.values(),
        *(w for weights in case.relatives.values() for w in weights.values()),
    ]
    for value in held:
        flat = value.reshape(-1, value.shape[-1]) if value.ndim > 1 else None
        if flat is not None and flat.shape[-1] == width and len(flat) >= frames:
            yield _Table(real(flat), frames, width)


@dataclass(frozen=True, eq=False)
class _Table:
    rows: Array | None
    frames: int
    width: int
    order: str = "sin-cos"
    shift: int = 0

    def __call__(self, first: int) -> Array | None:
        """Rows from `first` on, [time, features]."""
        if self.rows is None:
            positions = np.arange(self.frames) + float(first)
            return ops.sinusoids(positions, self.width, order=self.order, shift=self.shift)  # type: ignore[arg-type]
        if first < 0 or first + self.frames > len(self.rows):
            return None
        return self.rows[first : first + self.frames]
