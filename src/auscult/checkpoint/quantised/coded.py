"""A weight that a quantiser stored as codes with scales: its values, and how far each may lie from what was quantised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from auscult.checkpoint.health import is_float
from auscult.late import numpy as np
from auscult.weights import Array, Shape, Tensor, WeightStorage

UNIFORM_RMS_SHARE = 0.75
"""Largest rms error of a weight as a share of its bounds. An error that is uniform between them has
1 / sqrt(3) = 0.58; the weights of another training have more than 1. Chosen, not measured."""


class DecodedRows(NamedTuple):
    """Some rows of a weight.

    Attributes:
        values: [rows, length], float32.
        bounds: Largest distance of each value from the one that was quantised; broadcasts to
            `values`.
    """

    values: Array
    bounds: Array


@dataclass(frozen=True, eq=False)
class CodedWeight:
    """The elements of one quantised weight; they are decoded when they are read.

    Attributes:
        shape: Of the weight that the codes stand for.
        dtype: Short name of the format, as `Tensor.dtype` has it: `mlx_q4`, `bnb_nf4`.
        scheme: The quantiser and its format in words, such as `MLX affine`.
        bits: Of one code.
        group: How many values share a scale; None where a row or the whole tensor does.
        decode: Rows `first:last` of the weight as [rows, length].
        rms_share: Largest rms error as a share of the bounds.
    """

    shape: Shape
    dtype: str
    scheme: str
    bits: int
    group: int | None
    decode: Callable[[int, int], DecodedRows]
    rms_share: float = UNIFORM_RMS_SHARE

    @property
    def weight_storage(self) -> WeightStorage:
        """Scheme, bits and group."""
        return WeightStorage(self.scheme, self.bits, self.group)

    @property
    def row_length(self) -> int:
        return self.shape[-1] if self.shape else 1

    @property
    def row_count(self) -> int:
        return prod(self.shape[:-1])

    def array(self) -> Array:
        return self.decode(0, self.row_count).values.reshape(self.shape)

    def flat(self, start: int, stop: int) -> Array:
        first, last = start // self.row_length, -(-stop // self.row_length)
        rows = self.decode(first, last).values.reshape(-1)
        offset = first * self.row_length
        return rows[start - offset : stop - offset]

    def bounds(self) -> Array:
        """[shape]: the largest distance of each value from the one that was quantised."""
        rows = self.decode(0, self.row_count)
        return np.broadcast_to(rows.bounds, rows.values.shape).reshape(self.shape)


def are_scales(*parts: Tensor) -> bool:
    """Whether these can be scales or biases of codes: floating numbers, at least one in each."""
    return all(is_float(part.dtype) and part.size > 0 for part in parts)


def read_rows(part: Tensor, first: int, last: int, row_count: int) -> Array:
    """Rows `first:last` of a part that has `row_count` rows, [rows, elements], as stored."""
    length = part.size // max(row_count, 1)
    return part.flat(first * length, last * length).reshape(last - first, length)


def spread_groups(parts: Array, group: int) -> Array:
    """[rows, groups] -> [rows, groups * group]: each group's number at each of its values."""
    return np.repeat(parts, group, axis=-1)


def get_rounding(dtype: str) -> float:
    """Largest relative error of a number that is stored in that format."""
    return {"float16": 2.0**-11, "bfloat16": 2.0**-8}.get(dtype, 0.0)
