"""How two tensors of one name differ: how much of them, where, and what the differing elements look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import Any

import numpy as np

from auscult.align.dot_products import compute_dot_product
from auscult.align.fingerprint import BLOCK_SIZE, view_as_bits
from auscult.align.moves import AxisMove, iter_blocks, list_moves, sample_places
from auscult.recipe.op import Op
from auscult.weights import Array

MIN_RELATED_SHARE = 0.5  # share of equal sampled elements, or correlation, from which a permutation is taken for real


@dataclass(frozen=True)
class PairEvidence:
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


def compare_pair(a: Array, b: Array) -> PairEvidence:
    """Measure how `a` and `b` differ, under the permutation that makes them most alike."""
    evidence: dict[str, Any] = {"shape_a": list(a.shape), "shape_b": list(b.shape)}
    if a.dtype != b.dtype:
        evidence |= {"dtype_a": a.dtype.name, "dtype_b": b.dtype.name}
    move = _find_likeliest_move(a, b)
    if move is None:
        return PairEvidence((), 1.0, evidence)
    tally = _EvidenceTally(b.shape)
    moved = move.view(a)
    for block in iter_blocks(b.shape, BLOCK_SIZE):
        tally.add(moved[block], b[block], block)
    error = tally.error
    return PairEvidence(move.ops, error if isfinite(error) else 1.0, evidence | tally.evidence())


def _find_likeliest_move(a: Array, b: Array) -> AxisMove | None:
    possible_moves = list_moves(a.shape, b.shape)
    if not possible_moves or a.size == 0:
        return None
    if len(possible_moves) == 1 and not possible_moves[0].flat:
        return possible_moves[0]
    sample_index = sample_places(b.shape)
    sample_b = b[sample_index]
    best_move, best_likeness = (
        possible_moves[0],
        _measure_likeness(possible_moves[0].view(a)[sample_index], sample_b),
    )
    for move in possible_moves[1:]:
        likeness = _measure_likeness(move.view(a)[sample_index], sample_b)
        if likeness > max(best_likeness, MIN_RELATED_SHARE):
            best_move, best_likeness = move, likeness
    if best_move.flat and best_likeness < MIN_RELATED_SHARE:
        return None
    return best_move


def _measure_likeness(values_a: Array, values_b: Array) -> float:
    """0 to 1: the share of equal elements, or the correlation, whichever is more."""
    equal_share = float(np.mean(values_a == values_b)) if values_a.size else 0.0
    x, y = _to_real_numbers(values_a), _to_real_numbers(values_b)
    is_finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[is_finite], y[is_finite]
    if x.size < 3 or not x.std() or not y.std():
        return equal_share
    return max(equal_share, float(np.corrcoef(x, y)[0, 1]))


def _to_real_numbers(array: Array) -> Array:
    if array.dtype.kind == "c":
        return array.real.astype(np.float64)
    return array.astype(np.float64)


class _EvidenceTally:
    """Sums over the blocks of one pair."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.strides = np.array(
            [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))], np.int64
        )
        self.equal = self.count = self.finite = 0
        self.first, self.last = -1, -1
        self.sums = np.zeros(5)  # of x, y, xx, yy, xy over finite pairs
        self.squared_error = 0.0
        self.differing_a, self.differing_b = _DifferingElements(), _DifferingElements()

    def add(self, values_a: Array, values_b: Array, block: tuple[slice, ...]) -> None:
        if values_a.dtype == values_b.dtype:
            is_same = view_as_bits(values_a) == view_as_bits(values_b)
        else:
            is_same = np.asarray(values_a == values_b)
        self.count += values_b.size
        self.equal += int(np.count_nonzero(is_same))
        x, y = _to_real_numbers(values_a), _to_real_numbers(values_b)
        if not is_same.all():
            is_differing = ~is_same
            self._place(is_differing, block)
            differing_x, differing_y = x, y
            if not is_differing.all():
                differing_x, differing_y = x[is_differing], y[is_differing]
            self.differing_a.add(differing_x)
            self.differing_b.add(differing_y)
        is_finite = np.isfinite(x) & np.isfinite(y)
        if not is_finite.all():
            x, y = x[is_finite], y[is_finite]
        x, y = x.reshape(-1), y.reshape(-1)
        with np.errstate(over="ignore"):
            self.finite += x.size
            pairs = ((x, x), (y, y), (x, y))
            self.sums += (x.sum(), y.sum(), *(compute_dot_product(*pair) for pair in pairs))
            self.squared_error += compute_dot_product(x - y, x - y)

    def _place(self, is_differing: Array, block: tuple[slice, ...]) -> None:
        """Widen `first` and `last` to the differing places of a block."""
        flat_indices = np.flatnonzero(is_differing)
        block_offset = sum(
            int(block_slice.start) * int(stride)
            for block_slice, stride in zip(block, self.strides, strict=False)
        )
        end_offsets = [
            block_offset + self._compute_flat_offset(int(flat_index), is_differing.shape)
            for flat_index in (flat_indices[0], flat_indices[-1])
        ]
        if self.first < 0:
            self.first = end_offsets[0]
        else:
            self.first = min(self.first, end_offsets[0])
        self.last = max(self.last, end_offsets[1])

    def _compute_flat_offset(self, flat_index: int, shape: tuple[int, ...]) -> int:
        if shape:
            return int(
                np.dot(np.array(np.unravel_index(flat_index, shape), np.int64), self.strides)
            )
        return 0

    @property
    def error(self) -> float:
        if self.sums[3] > 0:
            return sqrt(self.squared_error / self.sums[3])
        return 1.0

    def evidence(self) -> dict[str, Any]:
        result: dict[str, Any] = {
            "equal_share": round(self.equal / self.count, 6),
            "differing": self.count - self.equal,
            "first": self.first,
            "last": self.last,
            "a": self.differing_a.evidence(),
            "b": self.differing_b.evidence(),
        }
        x, y, xx, yy, xy = (float(value) for value in self.sums)
        count = max(self.finite, 1)
        spread = (xx - x * x / count) * (yy - y * y / count)
        if isfinite(spread) and spread > 0:
            result["correlation"] = round((xy - x * y / count) / sqrt(spread), 6)
        if isfinite(xx) and isfinite(xy) and xx > 0:
            result["scale"] = float(f"{xy / xx:.6g}")
        return result


class _DifferingElements:
    """What the differing elements of one side look like."""

    def __init__(self) -> None:
        self.count = self.nan = self.inf = self.zero = 0
        self.low, self.high = np.inf, -np.inf

    def add(self, values: Array) -> None:
        self.count += values.size
        self.zero += values.size - int(np.count_nonzero(values))
        is_finite = np.isfinite(values)
        finite = values
        if not is_finite.all():
            self.nan += int(np.count_nonzero(np.isnan(values)))
            self.inf += int(np.count_nonzero(np.isinf(values)))
            finite = values[is_finite]
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
