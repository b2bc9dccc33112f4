"""Arrays of any framework as numpy arrays, without importing the framework."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_array(value: Any) -> bool:
    """Whether the value is an array or a tensor of some framework: it has a shape and a dtype."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def to_numpy(value: Any) -> NDArray[Any]:
    """The same values as a numpy array; those of a number format that numpy does not have as float32.

    Args:
        value: A numpy array, a torch tensor on any device (with or without gradients), an array of MLX or another framework,
            or numbers in a list.
    """
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if "bfloat16" in str(value.dtype):
            value = value.float()
    elif "mlx" in type(value).__module__ and "bfloat16" in str(value.dtype):
        import importlib

        value = value.astype(importlib.import_module("mlx.core").float32)
    return np.asarray(value)
