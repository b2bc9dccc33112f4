"""What the MLX modules of the families share: loading from a checkpoint in torch's or MLX's layout, in any weight-norm form."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.errors import CheckpointError
from auscult.families._plan import Plan, Planned, mlx_shape
from auscult.families._shapes import NEW, OLD
from auscult.families._weight_norm import fuse
from auscult.families.records import Layout
from auscult.weights import Array

PERMUTATIONS = {"conv1d": (0, 2, 1), "conv_transpose1d": (1, 2, 0), "conv2d": (0, 2, 3, 1)}


def load_planned(
    module: nn.Module,
    plan: Plan,
    state: Mapping[str, Array],
    prefix: str = "",
    layout: Layout = "torch",
) -> None:
    """Fill a module with a checkpoint's arrays, of `layout` torch or mlx, in any weight-norm form.

    Counters are dropped.

    Raises:
        CheckpointError: If an array is missing, of another shape, or not in the plan. The module is then unchanged.
    """
    state = {
        name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)
    }
    used: set[str] = set()
    weights = []
    for name, planned in plan.items():
        array = _find(name, state, used)
        if array is None and planned.optional:
            continue
        if planned.kind != "counter":
            weights.append((name, mx.array(_arranged(prefix + name, array, planned, layout))))
    if left := sorted(set(state) - used):
        raise CheckpointError(
            "is not in the model", where=prefix + left[0], found=f"{len(left)} such tensors"
        )
    module.load_weights(weights, strict=True)
    mx.eval(module.parameters())


def _arranged(name: str, array: Array | None, planned: Planned, layout: Layout) -> Array:
    """The array in MLX's layout."""
    expected = mlx_shape(planned) if layout == "mlx" else planned.shape
    if array is None or array.shape != expected:
        found = None if array is None else list(array.shape)
        raise CheckpointError(
            "does not fit the model", where=name, expected=list(expected), found=found
        )
    axes = PERMUTATIONS.get(planned.kind) if layout == "torch" else None
    return np.ascontiguousarray(array.transpose(axes)) if axes else array


def _find(name: str, state: Mapping[str, Array], used: set[str]) -> Array | None:
    if name in state:
        used.add(name)
        return state[name]
    stem = name.removesuffix(".weight")
    for gain, direction in (OLD, NEW):
        if stem != name and stem + gain in state and stem + direction in state:
            used.update((stem + gain, stem + direction))
            return fuse(state[stem + gain], state[stem + direction])
    return None
