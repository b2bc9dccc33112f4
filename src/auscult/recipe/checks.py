"""Checks that operations share; each raises a RecipeError that names the operation and the shapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auscult.errors import RecipeError
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


def misfit(
    op: Op, what: str, expected: object = None, found: object = None, hint: str | None = None
) -> RecipeError:
    """The error of an operation that does not fit its input."""
    return RecipeError(what, where=op.op, expected=expected, found=found, hint=hint)


def lost(op: Op, what: str, hint: str | None = None) -> RecipeError:
    """The error of an operation without an inverse: `what` says what it drops."""
    return RecipeError(f"cannot be undone: {what}", where=op.op, hint=hint)


def check_count(op: Op, found: int, *expected: int) -> None:
    """The number of arrays is one of `expected`."""
    if found not in expected:
        raise misfit(op, "takes another number of tensors", " or ".join(map(str, expected)), found)


def check_axis(op: Op, axis: int, shape: Shape) -> None:
    """`axis` is one of the shape's, counted from 0."""
    if not 0 <= axis < len(shape):
        raise misfit(op, f"has no axis {axis} to work on", f"an axis of {shape}", axis)


def replaced(shape: Shape, axis: int, side: int) -> Shape:
    """`shape` with `side` at `axis`."""
    return (*shape[:axis], side, *shape[axis + 1 :])


def same_but_axis(op: Op, shapes: Sequence[Shape], axis: int) -> None:
    """All shapes agree outside `axis`."""
    for shape in shapes:
        check_axis(op, axis, shape)
        if replaced(shape, axis, 0) != replaced(shapes[0], axis, 0):
            raise misfit(op, f"joins tensors that differ outside axis {axis}", shapes[0], shape)


def native(array: Array) -> Array:
    """The array contiguous, in this machine's byte order, for operations that look at bytes."""
    order = array.dtype if array.dtype.isnative else array.dtype.newbyteorder("=")
    return np.ascontiguousarray(array, order)
