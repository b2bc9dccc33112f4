"""Checks that operations share; each raises a RecipeError that names the operation and the shapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auscult.errors import RecipeError
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


def make_misfit_error(
    op: Op, problem: str, expected: object = None, actual: object = None, hint: str | None = None
) -> RecipeError:
    """The error of an operation that does not fit its input."""
    return RecipeError(problem, where=op.op, expected=expected, found=actual, hint=hint)


def make_loss_error(op: Op, problem: str, hint: str | None = None) -> RecipeError:
    """The error of an operation without an inverse: `what` says what it drops."""
    return RecipeError(f"cannot be undone: {problem}", where=op.op, hint=hint)


def check_count(op: Op, actual_count: int, *expected: int) -> None:
    """The number of arrays is one of `expected`."""
    if actual_count not in expected:
        raise make_misfit_error(
            op, "takes another number of tensors", " or ".join(map(str, expected)), actual_count
        )


def check_axis(op: Op, axis: int, shape: Shape) -> None:
    """`axis` is one of the shape's, counted from 0."""
    if not 0 <= axis < len(shape):
        raise make_misfit_error(op, f"has no axis {axis} to work on", f"an axis of {shape}", axis)


def replace_side(shape: Shape, axis: int, length: int) -> Shape:
    """`shape` with `side` at `axis`."""
    return (*shape[:axis], length, *shape[axis + 1 :])


def check_same_but_axis(op: Op, shapes: Sequence[Shape], axis: int) -> None:
    """All shapes agree outside `axis`."""
    for shape in shapes:
        check_axis(op, axis, shape)
        if replace_side(shape, axis, 0) != replace_side(shapes[0], axis, 0):
            raise make_misfit_error(
                op, f"joins tensors that differ outside axis {axis}", shapes[0], shape
            )


def to_native_contiguous(array: Array) -> Array:
    """The array contiguous, in this machine's byte order, for operations that look at bytes."""
    dtype = array.dtype if array.dtype.isnative else array.dtype.newbyteorder("=")
    return np.ascontiguousarray(array, dtype)
