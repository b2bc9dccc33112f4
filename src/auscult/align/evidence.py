"""How two tensors of one name differ: how much of them, where, and what the differing elements look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import Any

import numpy as np

from auscult.align.fingerprint import BLOCK, bits
from auscult.align.moves import Move, blocks, moves, sample
from auscult.recipe.op import Op
from auscult.weights import Array

RELATED = 0.5  # share of equal sampled elements, or correlation, from which a permutation is taken for real


@dataclass(frozen=True)
class Difference:
    """Evidence for a pair that is not equal.

    Attributes:
        ops: A permutation under which most of the pair agrees; empty where none is needed or none helps.
        error: Relative error ‖b - ops(a)‖ / ‖b‖ over the finite elements; 1.0 where the shapes cannot be compared.
        evidence: `shape_a`, `shape_b`; and where elements can be compared `equal_share`, `differing`, `first`, `last` (flat
            indices in b's row-major order), `correlation`, `scale` (the best factor from a to b), and per side the shares of
            the differing elements that are `nan`, `inf` and `zero`, and whether they are all one value (`constant`).
    """

    ops: tuple[Op, ...]
    error: float
    evidence: dict[str, Any] = field(default_factory=dict)


def compare_pair(a: Array, b: Array) -> Difference:
    """Measure how `a` and `b` differ, under the permutation that makes them most alike."""
    evidence: dict[str, Any] = {"shape_a": list(a.shape), "shape_b": list(b.shape)}
    if a.dtype != b.dtype:
        evidence |= {"dtype_a": a.dtype.name, "dtype_b": b.dtype.name}
    move = _likeliest(a, b)
    if move is None:
        return Difference((), 1.0, evidence)
    tally = _Tally(b.shape)
    moved = move.view(a)
    for part in blocks(b.shape, BLOCK):
        tally.add(moved[part], b[part], part)
    error = tally.error
    return Difference(move.ops, error if isfinite(error) else 1.0, evidence | tally.evidence())


def _likeliest(a: Array, b: Array) -> Move | None:
    options = moves(a.shape, b.shape)
    if not options or a.size == 0:
        return None
    if len(options) == 1 and not options[0].flat:
        return options[0]
    places = sample(b.shape)
    right = b[places]
    best, score = options[0], _likeness(options[0].view(a)[places], right)
    for move in options[1:]:
        likeness = _likeness(move.view(a)[places], right)
        if likeness > max(score, RELATED):
            best, score = move, likeness
    return None if best.flat and score < RELATED else best


def _likeness(left: Array, right: Array) -> float:
    """0 to 1: the share of equal elements, or the correlation, whichever is more."""
    equal = float(np.mean(left == right)) if left.size else 0.0
    x, y = _numbers(left), _numbers(right)
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if x.size < 3 or not x.std() or not y.std():
        return equal
    return max(equal, float(np.corrcoef(x, y)[0, 1]))


def _numbers(array: Array) -> Array:
    return array.real.astype(np.float64) if array.dtype.kind == "c" else array.astype(np.float64)


class _Tally:
    """Sums over the blocks of one pair."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.strides = np.array(
            [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))], np.int64
        )
        self.equal = self.count = self.finite = 0
        self.first, self.last = -1, -1
        self.sums = np.zeros(5)  # of x, y, xx, yy, xy over finite pairs
        self.gap = 0.0
        self.odd_a, self.odd_b = _Odd(), _Odd()

    def add(self, left: Array, right: Array, part: tuple[slice, ...]) -> None:
        same = bits(left) == bits(right) if left.dtype == right.dtype else np.asarray(left == right)
        self.count += right.size
        self.equal += int(np.count_nonzero(same))
        x, y = _numbers(left), _numbers(right)
        if not same.all():
            odd = ~same
            self._place(odd, part)
            self.odd_a.add(x[odd])
            self.odd_b.add(y[odd])
        good = np.isfinite(x) & np.isfinite(y)
        if not good.all():
            x, y = x[good], y[good]
        x, y = x.reshape(-1), y.reshape(-1)
        with np.errstate(over="ignore"):
            self.finite += x.size
            self.sums += (x.sum(), y.sum(), np.dot(x, x), np.dot(y, y), np.dot(x, y))
            self.gap += float(np.dot(x - y, x - y))

    def _place(self, odd: Array, part: tuple[slice, ...]) -> None:
        """Widen `first` and `last` to the differing places of a block."""
        places = np.flatnonzero(odd)
        start = sum(
            int(cut.start) * int(step) for cut, step in zip(part, self.strides, strict=False)
        )
        ends = [start + self._offset(int(place), odd.shape) for place in (places[0], places[-1])]
        self.first = ends[0] if self.first < 0 else min(self.first, ends[0])
        self.last = max(self.last, ends[1])

    def _offset(self, place: int, shape: tuple[int, ...]) -> int:
        return (
            int(np.dot(np.array(np.unravel_index(place, shape), np.int64), self.strides))
            if shape
            else 0
        )

    @property
    def error(self) -> float:
        return sqrt(self.gap / self.sums[3]) if self.sums[3] > 0 else 1.0

    def evidence(self) -> dict[str, Any]:
        result: dict[str, Any] = {
            "equal_share": round(self.equal / self.count, 6),
            "differing": self.count - self.equal,
            "first": self.first,
            "last": self.last,
            "a": self.odd_a.evidence(),
            "b": self.odd_b.evidence(),
        }
        x, y, xx, yy, xy = (float(value) for value in self.sums)
        count = max(self.finite, 1)
        spread = (xx - x * x / count) * (yy - y * y / count)
        if isfinite(spread) and spread > 0:
            result["correlation"] = round((xy - x * y / count) / sqrt(spread), 6)
        if isfinite(xx) and isfinite(xy) and xx > 0:
            result["scale"] = float(f"{xy / xx:.6g}")
        return result


class _Odd:
    """What the differing elements of one side look like."""

    def __init__(self) -> None:
        self.count = self.nan = self.inf = self.zero = 0
        self.low, self.high = np.inf, -np.inf

    def add(self, values: Array) -> None:
        self.count += values.size
        self.nan += int(np.count_nonzero(np.isnan(values)))
        self.inf += int(np.count_nonzero(np.isinf(values)))
        self.zero += int(np.count_nonzero(values == 0))
        finite = values[np.isfinite(values)]
        if finite.size:
            self.low, self.high = (
                min(self.low, float(finite.min())),
                max(self.high, float(finite.max())),
            )

    def evidence(self) -> dict[str, Any]:
        if not self.count:
            return {}
        shares = {"nan": self.nan, "inf": self.inf, "zero": self.zero}
        result: dict[str, Any] = {
            name: round(number / self.count, 6) for name, number in shares.items()
        }
        return result | {"constant": bool(self.low == self.high and not self.nan and not self.inf)}
