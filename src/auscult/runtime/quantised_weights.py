"""What runtimes put in the place of a quantised weight when its arithmetic is undone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from auscult.weights import Array, Tensor

RestoreWeight = Callable[[str, Array, Array], Array]
"""From a weight's name, its dequantised values and its step (which broadcasts with them) to the values that are computed with."""
REDUCED_LEVELS = 63
"""Levels on one side of zero where ONNX Runtime reduces the range to 7 bits; with 8 the true step is half of it."""


def keep_rounded(_name: str, values: Array, _step: Array) -> Array:
    """The dequantised values as they are."""
    return values


def get_step(tensor: Tensor) -> Array:
    """The distance of two neighbouring values of a quantised weight, in a shape that broadcasts with it.

    Where the scales are those of columns that the tensor does not name, what 7 bits give each.
    """
    if tensor.quantization is None:
        largest: Array = np.abs(tensor.values()).max(axis=-2, keepdims=True)
        return largest / REDUCED_LEVELS
    scale = np.asarray(tensor.quantization.scale, np.float32).reshape(-1)
    shape = [1] * len(tensor.shape)
    if scale.size > 1 and tensor.quantization.axis is not None:
        shape[tensor.quantization.axis] = scale.size
    return scale.reshape(shape)
