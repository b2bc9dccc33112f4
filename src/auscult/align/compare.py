"""Whether one array is another after a move of its axes: bit for bit, within a number format's error, or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auscult.align.dot_products import compute_dot_product
from auscult.align.fingerprint import BLOCK_SIZE, view_as_bits
from auscult.align.formats import (
    NumberFormat,
    find_block_grid,
    find_integer_grid,
    find_narrow_format,
    get_dtype_name,
    get_float_format,
)
from auscult.align.moves import AxisMove, iter_blocks, list_moves, sample_places
from auscult.recipe.op import Op
from auscult.verdict import Equality
from auscult.weights import Array

MAX_COARSE_SAMPLE_ERROR = 0.9
"""The same where codes of a few bits have an rms error limit of their own: 2 bits move a normal
weight by 0.4 of its size, ternary codes by more; unrelated weights lie 1.4 apart."""
MAX_SAMPLE_ERROR = (
    0.35  # relative; 4-bit and 8-bit floats stay below it, unrelated tensors are near 1.4
)
EXACT_SIZE = 2048  # elements up to which sampling first costs more than it saves


class PairOutcome(NamedTuple):
    """How `b` follows from `a`: `ops` lead from the one to the other.

    Attributes:
        also: Other moves that fit just as well.
        error: Relative error ‖b - a‖ / ‖b‖ before the final cast.
        rounding: `nearest` where b is a rounded to the nearest value of its format, bit for bit.
    """

    move: AxisMove
    equality: Equality
    ops: tuple[Op, ...] = ()
    error: float = 0.0
    number_format: str | None = None
    rounding: str | None = None
    other_moves: tuple[AxisMove, ...] = ()


def find_exact_move(a: Array, b: Array, *, alternatives: bool = True) -> PairOutcome | None:
    """The move after which both hold the same bits, or None.

    Args:
        alternatives: Look for other moves that do as well, to tell ambiguity from certainty.
    """
    bits_a, bits_b = view_as_bits(a), view_as_bits(b)
    fitting_moves: list[AxisMove] = []
    for move in list_moves(a.shape, b.shape):
        if _has_same_bits(bits_a, bits_b, move):
            fitting_moves.append(move)
            if not alternatives:
                break
    return build_exact_outcome(fitting_moves)


def build_exact_outcome(fitting_moves: Sequence[AxisMove]) -> PairOutcome | None:
    """The outcome of a pair that holds the same bits after any of these moves; None if there is none."""
    if not fitting_moves:
        return None
    return PairOutcome(
        fitting_moves[0], Equality.EXACT, fitting_moves[0].ops, other_moves=tuple(fitting_moves[1:])
    )


def _has_same_bits(bits_a: NDArray[Any], bits_b: NDArray[Any], move: AxisMove) -> bool:
    moved_bits = move.view(bits_a)
    if moved_bits.size <= EXACT_SIZE:
        return moved_bits.tobytes() == bits_b.tobytes()
    sample_index = sample_places(bits_b.shape)
    if not bool((moved_bits[sample_index] == bits_b[sample_index]).all()):
        return False
    if moved_bits.flags.c_contiguous and bits_b.flags.c_contiguous:
        moved_bits, bits_b = moved_bits.reshape(-1), bits_b.reshape(-1)
    return all(
        bool((moved_bits[block] == bits_b[block]).all())
        for block in iter_blocks(bits_b.shape, BLOCK_SIZE)
    )


@dataclass(frozen=True)
class TensorValues:
    """An array of real numbers with the format that it was kept in."""

    array: Array
    format: NumberFormat

    @classmethod
    def of(cls, array: Array) -> TensorValues:
        return cls(array, get_float_format(get_dtype_name(array.dtype)))


def find_close_move(
    a: TensorValues,
    b: TensorValues,
    *,
    computed: bool = False,
    trusted: frozenset[str] = frozenset(),
) -> PairOutcome | None:
    """The move after which the two agree within the error of the coarser number format, or None.

    Args:
        computed: `a` was computed from other tensors, whose rounding adds to its own.
        trusted: Formats to which other tensors of the pair of files were rounded.
    """
    if a.array.size == 0 or not (_is_numeric(a.array) and _is_numeric(b.array)):
        return None
    for move in _rank_likely_moves(a, b):
        for values_a, values_b in _iter_format_pairs(a, b, trusted):
            outcome = _compare_within_rounding(values_a, values_b, move, computed=computed)
            if outcome is not None:
                return outcome
    return None


def _is_numeric(array: Array) -> bool:
    return array.dtype.kind in "fiubcV"  # V: bfloat16 and the 8-bit floats


def _rank_likely_moves(a: TensorValues, b: TensorValues) -> list[AxisMove]:
    """Moves under which a sample of the two is not unrelated, the nearest first."""
    is_coarse = a.format.rms_share is not None or b.format.rms_share is not None
    limit = MAX_COARSE_SAMPLE_ERROR if is_coarse else MAX_SAMPLE_ERROR
    ranked_moves = []
    for rank, move in enumerate(list_moves(a.array.shape, b.array.shape)):
        error = measure_sample_error(move.view(a.array), b.array)
        if error <= limit:
            ranked_moves.append((error, rank, move))
    return [move for _, _, move in sorted(ranked_moves, key=lambda item: item[:2])[:2]]


def measure_sample_error(a: Array, b: Array) -> float:
    """Relative error of `a` as `b`, of one shape, over a sample of their finite elements."""
    sample_index = sample_places(b.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        sample_a, sample_b = _to_wide_dtype(a[sample_index]), _to_wide_dtype(b[sample_index])
        is_finite = np.isfinite(sample_a) & np.isfinite(sample_b)
        distance, norm = np.abs(sample_a - sample_b)[is_finite], np.abs(sample_b)[is_finite]
    if distance.size == 0:
        if sample_a.size:
            return 0.0
        return np.inf
    if not norm.any():
        if not distance.any():
            return 0.0
        return np.inf
    return float(np.linalg.norm(distance) / np.linalg.norm(norm))


def _to_wide_dtype(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _iter_format_pairs(
    a: TensorValues, b: TensorValues, trusted: frozenset[str]
) -> Iterator[tuple[TensorValues, TensorValues]]:
    """The formats that may explain a difference: as stored, then what wide values were once rounded to."""
    yield a, b
    if (
        a.format.step is None
        and b.format.step is None
        and min(a.array.dtype.itemsize, b.array.dtype.itemsize) >= 4
    ):
        samples = a.array[sample_places(a.array.shape)], b.array[sample_places(b.array.shape)]
        narrow_formats = (
            find_narrow_format(a.array, samples[0], trusted),
            find_narrow_format(b.array, samples[1], trusted),
        )
        if any(narrow_formats):
            yield (
                TensorValues(a.array, narrow_formats[0] or a.format),
                TensorValues(b.array, narrow_formats[1] or b.format),
            )
        grid_formats = (
            find_integer_grid(a.array, samples[0], trusted),
            find_integer_grid(b.array, samples[1], trusted),
        )
        if any(grid_formats):
            yield (
                TensorValues(a.array, grid_formats[0] or a.format),
                TensorValues(b.array, grid_formats[1] or b.format),
            )
        block_formats = find_block_grid(a.array), find_block_grid(b.array)
        if any(block_formats):
            yield (
                TensorValues(a.array, block_formats[0] or a.format),
                TensorValues(b.array, block_formats[1] or b.format),
            )


def _compare_within_rounding(
    a: TensorValues, b: TensorValues, move: AxisMove, *, computed: bool
) -> PairOutcome | None:
    coarser = a.format if a.format.coarseness > b.format.coarseness else b.format
    tally = _ErrorTally()
    work_dtype = (
        np.float64
        if max(a.array.dtype.itemsize, b.array.dtype.itemsize) > 4 or not _fits_float32(a, b)
        else np.float32
    )
    moved_a = move.view(a.array)
    step_a = _move_step(a, move)
    relative_tolerance = _compute_relative_tolerance(a.format, b.format, computed=computed)
    absolute_floor = _compute_absolute_floor(b.array, coarser, computed=computed)
    nearest = a.array.dtype != b.array.dtype
    for block_index in iter_blocks(b.array.shape, BLOCK_SIZE):
        block_a, block_b = moved_a[block_index], b.array[block_index]
        real_a, real_b = to_real_dtype(block_a, work_dtype), to_real_dtype(block_b, work_dtype)
        allowed = relative_tolerance * np.abs(real_b) + (
            a.format.tiny + b.format.tiny + absolute_floor
        )
        for step in (step_a, b.format.step):
            if step is not None:
                allowed = allowed + 0.5 * _slice_step(step, b.array.shape, block_index)
        if not tally.add(real_a, real_b, allowed):
            return None
        nearest = nearest and _is_rounded_to(block_a, block_b)
    if not tally.is_rounding(a.format, b.format):
        return None
    return _build_outcome(a, b, move, coarser, tally, nearest=nearest)


class _ErrorTally:
    """Sums over the blocks of one comparison."""

    def __init__(self) -> None:
        self.distance, self.norm, self.equal = 0.0, 0.0, True
        self.shares, self.count = 0.0, 0

    def add(self, values_a: Array, values_b: Array, allowed: Array) -> bool:
        """Take in a block; False if an element lies further off than allowed."""
        with np.errstate(invalid="ignore", over="ignore"):
            gap = np.abs(values_a - values_b)
            is_allowed = (gap <= allowed) & (gap < np.inf)
        if not is_allowed.all():
            is_outside = ~is_allowed
            is_alike = (values_a[is_outside] == values_b[is_outside]) | (
                np.isnan(values_a[is_outside]) & np.isnan(values_b[is_outside])
            )
            if not is_alike.all():
                return False
            gap = np.where(np.isfinite(gap), gap, 0)
        magnitude = np.where(np.isfinite(values_b), np.abs(values_b), 0).reshape(-1)
        gap = gap.reshape(-1)
        self.equal = self.equal and not gap.any()
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.nan_to_num(gap / np.broadcast_to(allowed, values_b.shape).reshape(-1))
        self.shares += compute_dot_product(shares, shares)
        self.count += gap.size
        self.distance += compute_dot_product(gap, gap)
        self.norm += compute_dot_product(magnitude, magnitude)
        return True

    def is_rounding(self, a: NumberFormat, b: NumberFormat) -> bool:
        """Whether the error is as small on average as rounding to these formats makes it."""
        limits = [item.rms_share for item in (a, b) if item.rms_share is not None]
        if not limits or not self.count:
            return True
        return sqrt(self.shares / self.count) <= max(limits)

    @property
    def error(self) -> float:
        if self.norm > 0:
            return sqrt(self.distance / self.norm)
        return 0.0


def _fits_float32(a: TensorValues, b: TensorValues) -> bool:
    return all(values.array.dtype.kind in "fV" for values in (a, b))


def to_real_dtype(array: Array, work_dtype: Any) -> Array:
    if array.dtype.kind == "c":
        return array
    return array.astype(work_dtype, copy=False)


def _compute_relative_tolerance(a: NumberFormat, b: NumberFormat, *, computed: bool) -> float:
    """Relative error allowed: one unit in the last place of each format, more where the values were computed in it."""
    if computed:
        units = 8.0
    elif a.name == b.name:
        units = 2.0
    else:
        units = 1.0
    return (a.eps + b.eps) * units


def _compute_absolute_floor(b: Array, coarser: NumberFormat, *, computed: bool) -> float:
    """Absolute error allowed to computed values: a sum that cancels keeps the rounding of its terms."""
    if not computed or coarser.step is not None:
        return 0.0
    values = _to_wide_dtype(b[sample_places(b.shape)])
    values = np.abs(values[np.isfinite(values)])
    if values.size:
        return float(8 * coarser.eps * sqrt(float(np.mean(values**2))))
    return 0.0


def _move_step(a: TensorValues, move: AxisMove) -> Array | None:
    step = a.format.step
    if step is None or step.size == 1:
        if step is None:
            return step
        return step.reshape(-1)
    return move.view(np.broadcast_to(step, a.array.shape))


def _slice_step(step: Array, shape: tuple[int, ...], block_index: Sequence[slice]) -> Array:
    if step.size == 1:
        return step
    return np.broadcast_to(step, shape)[tuple(block_index)]


def _is_rounded_to(block_a: Array, block_b: Array) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(
            (
                view_as_bits(np.asarray(block_a.astype(block_b.dtype)))
                == view_as_bits(np.asarray(block_b))
            ).all()
        )


def _build_outcome(
    a: TensorValues,
    b: TensorValues,
    move: AxisMove,
    coarser: NumberFormat,
    tally: _ErrorTally,
    *,
    nearest: bool,
) -> PairOutcome:
    from auscult.recipe.ops.cast import Cast, can_hold

    ops = move.ops
    if a.array.dtype == b.array.dtype:
        return PairOutcome(move, Equality.CLOSE, ops, tally.error, coarser.name, None)
    ops = (*ops, Cast(b.array.dtype.name, a.array.dtype.name))
    if not nearest:
        return PairOutcome(move, Equality.CLOSE, ops, tally.error, coarser.name, None)
    if can_hold(b.array.dtype, a.array.dtype):
        return PairOutcome(move, Equality.EXACT, ops, 0.0, None, "nearest")
    return PairOutcome(move, Equality.CLOSE, ops, tally.error, coarser.name, "nearest")
