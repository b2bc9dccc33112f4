"""Whether one array is another after a move of its axes: bit for bit, within a number format's error, or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.align.fingerprint import BLOCK, bits
from auscult.align.formats import Format, float_format, grid, name_of, narrower
from auscult.align.moves import Move, blocks, moves, sample
from auscult.recipe.op import Op
from auscult.verdict import Equality
from auscult.weights import Array

MAX_SAMPLE_ERROR = (
    0.35  # relative; 4-bit and 8-bit floats stay below it, unrelated tensors are near 1.4
)
EXACT_SIZE = 2048  # elements up to which sampling first costs more than it saves


@dataclass(frozen=True)
class Outcome:
    """How `b` follows from `a`: `ops` lead from the one to the other.

    Attributes:
        also: Other moves that fit just as well.
        error: Relative error ‖b - a‖ / ‖b‖ before the final cast.
        rounding: `nearest` where b is a rounded to the nearest value of its format, bit for bit.
    """

    move: Move
    equality: Equality
    ops: tuple[Op, ...] = ()
    error: float = 0.0
    number_format: str | None = None
    rounding: str | None = None
    also: tuple[Move, ...] = ()


def exactly(a: Array, b: Array, *, alternatives: bool = True) -> Outcome | None:
    """The move after which both hold the same bits, or None.

    Args:
        alternatives: Look for other moves that do as well, to tell ambiguity from certainty.
    """
    left, right = bits(a), bits(b)
    fitting: list[Move] = []
    for move in moves(a.shape, b.shape):
        if _same(left, right, move):
            fitting.append(move)
            if not alternatives:
                break
    if not fitting:
        return None
    return Outcome(fitting[0], Equality.EXACT, fitting[0].ops, also=tuple(fitting[1:]))


def _same(left: NDArray[Any], right: NDArray[Any], move: Move) -> bool:
    moved = move.view(left)
    if moved.size <= EXACT_SIZE:
        return moved.tobytes() == right.tobytes()
    places = sample(right.shape)
    if not bool((moved[places] == right[places]).all()):
        return False
    if moved.flags.c_contiguous and right.flags.c_contiguous:
        moved, right = moved.reshape(-1), right.reshape(-1)
    return all(bool((moved[part] == right[part]).all()) for part in blocks(right.shape, BLOCK))


@dataclass(frozen=True)
class Values:
    """An array of real numbers with the format that it was kept in."""

    array: Array
    format: Format

    @classmethod
    def of(cls, array: Array) -> Values:
        return cls(array, float_format(name_of(array.dtype)))


def closely(
    a: Values, b: Values, *, computed: bool = False, trusted: frozenset[str] = frozenset()
) -> Outcome | None:
    """The move after which the two agree within the error of the coarser number format, or None.

    Args:
        computed: `a` was computed from other tensors, whose rounding adds to its own.
        trusted: Formats to which other tensors of the pair of files were rounded.
    """
    if a.array.size == 0 or not (_numeric(a.array) and _numeric(b.array)):
        return None
    for move in _likely(a.array, b.array):
        for left, right in _formats(a, b, trusted):
            outcome = _within(left, right, move, computed=computed)
            if outcome is not None:
                return outcome
    return None


def _numeric(array: Array) -> bool:
    return array.dtype.kind in "fiubcV"  # V: bfloat16 and the 8-bit floats


def _likely(a: Array, b: Array) -> list[Move]:
    """Moves under which a sample of the two is not unrelated, the nearest first."""
    ranked = []
    for rank, move in enumerate(moves(a.shape, b.shape)):
        error = sample_error(move.view(a), b)
        if error <= MAX_SAMPLE_ERROR:
            ranked.append((error, rank, move))
    return [move for _, _, move in sorted(ranked, key=lambda item: item[:2])[:2]]


def sample_error(a: Array, b: Array) -> float:
    """Relative error of `a` as `b`, of one shape, over a sample of their finite elements."""
    places = sample(b.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        left, right = _wide(a[places]), _wide(b[places])
        finite = np.isfinite(left) & np.isfinite(right)
        distance, norm = np.abs(left - right)[finite], np.abs(right)[finite]
    if distance.size == 0:
        return 0.0 if left.size else np.inf
    if not norm.any():
        return 0.0 if not distance.any() else np.inf
    return float(np.linalg.norm(distance) / np.linalg.norm(norm))


def _wide(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _formats(a: Values, b: Values, trusted: frozenset[str]) -> Iterator[tuple[Values, Values]]:
    """The formats that may explain a difference: as stored, then what wide values were once rounded to."""
    yield a, b
    if (
        a.format.step is None
        and b.format.step is None
        and min(a.array.dtype.itemsize, b.array.dtype.itemsize) >= 4
    ):
        samples = a.array[sample(a.array.shape)], b.array[sample(b.array.shape)]
        narrow = narrower(a.array, samples[0], trusted), narrower(b.array, samples[1], trusted)
        if any(narrow):
            yield Values(a.array, narrow[0] or a.format), Values(b.array, narrow[1] or b.format)
        grids = grid(a.array, samples[0], trusted), grid(b.array, samples[1], trusted)
        if any(grids):
            yield Values(a.array, grids[0] or a.format), Values(b.array, grids[1] or b.format)


def _within(a: Values, b: Values, move: Move, *, computed: bool) -> Outcome | None:
    coarser = a.format if a.format.coarseness > b.format.coarseness else b.format
    tally = _Tally()
    work = (
        np.float64
        if max(a.array.dtype.itemsize, b.array.dtype.itemsize) > 4 or not _fits32(a, b)
        else np.float32
    )
    left_all = move.view(a.array)
    step_a = _moved_step(a, move)
    slack = _slack(a.format, b.format, computed=computed)
    floor = _floor(b.array, coarser, computed=computed)
    nearest = a.array.dtype != b.array.dtype
    for part in blocks(b.array.shape, BLOCK):
        raw, kept = left_all[part], b.array[part]
        left, right = real(raw, work), real(kept, work)
        allowed = slack * np.abs(right) + (a.format.tiny + b.format.tiny + floor)
        for step in (step_a, b.format.step):
            if step is not None:
                allowed = allowed + 0.5 * _part_of(step, b.array.shape, part)
        if not tally.add(left, right, allowed):
            return None
        nearest = nearest and _rounds_to(raw, kept)
    return _outcome(a, b, move, coarser, tally, nearest=nearest)


class _Tally:
    """Sums over the blocks of one comparison."""

    def __init__(self) -> None:
        self.distance, self.norm, self.equal = 0.0, 0.0, True

    def add(self, left: Array, right: Array, allowed: Array) -> bool:
        """Take in a block; False if an element lies further off than allowed."""
        with np.errstate(invalid="ignore", over="ignore"):
            gap = np.abs(left - right)
            good = (gap <= allowed) & (gap < np.inf)
        if not good.all():
            odd = ~good
            alike = (left[odd] == right[odd]) | (np.isnan(left[odd]) & np.isnan(right[odd]))
            if not alike.all():
                return False
            gap = np.where(np.isfinite(gap), gap, 0)
        size = np.where(np.isfinite(right), np.abs(right), 0).reshape(-1)
        gap = gap.reshape(-1)
        self.equal = self.equal and not gap.any()
        self.distance += float(np.dot(gap, gap))
        self.norm += float(np.dot(size, size))
        return True

    @property
    def error(self) -> float:
        return sqrt(self.distance / self.norm) if self.norm > 0 else 0.0


def _fits32(a: Values, b: Values) -> bool:
    return all(values.array.dtype.kind in "fV" for values in (a, b))


def real(array: Array, work: Any) -> Array:
    return array if array.dtype.kind == "c" else array.astype(work, copy=False)


def _slack(a: Format, b: Format, *, computed: bool) -> float:
    """Relative error allowed: one unit in the last place of each format, more where the values were computed in it."""
    same = a.name == b.name
    return (a.eps + b.eps) * (8.0 if computed else 2.0 if same else 1.0)


def _floor(b: Array, coarser: Format, *, computed: bool) -> float:
    """Absolute error allowed to computed values: a sum that cancels keeps the rounding of its terms."""
    if not computed or coarser.step is not None:
        return 0.0
    values = _wide(b[sample(b.shape)])
    values = np.abs(values[np.isfinite(values)])
    return float(8 * coarser.eps * sqrt(float(np.mean(values**2)))) if values.size else 0.0


def _moved_step(a: Values, move: Move) -> Array | None:
    step = a.format.step
    if step is None or step.size == 1:
        return step if step is None else step.reshape(-1)
    return move.view(np.broadcast_to(step, a.array.shape))


def _part_of(step: Array, shape: tuple[int, ...], part: Sequence[slice]) -> Array:
    return step if step.size == 1 else np.broadcast_to(step, shape)[tuple(part)]


def _rounds_to(raw: Array, kept: Array) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return bool((bits(np.asarray(raw.astype(kept.dtype))) == bits(np.asarray(kept))).all())


def _outcome(
    a: Values, b: Values, move: Move, coarser: Format, tally: _Tally, *, nearest: bool
) -> Outcome:
    from auscult.recipe.ops.cast import Cast, holds

    ops = move.ops
    if a.array.dtype == b.array.dtype:
        return Outcome(move, Equality.CLOSE, ops, tally.error, coarser.name, None)
    ops = (*ops, Cast(b.array.dtype.name, a.array.dtype.name))
    if nearest and holds(b.array.dtype, a.array.dtype):
        return Outcome(move, Equality.EXACT, ops, 0.0, None, "nearest")
    return Outcome(
        move, Equality.CLOSE, ops, tally.error, coarser.name, "nearest" if nearest else None
    )
