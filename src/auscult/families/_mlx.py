"""What the MLX modules of the families share: loading from a checkpoint in torch's or MLX's layout, in any weight-norm form."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.errors import CheckpointError
from auscult.facts.layers import CONVOLUTION_TO_MLX_AXES
from auscult.facts.weight_norm import list_weight_norm_names
from auscult.families._plan import Plan, PlannedTensor, to_mlx_shape
from auscult.families._weight_norm import fuse_weight_norm
from auscult.families.records import Layout
from auscult.weights import Array


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
    used_names: set[str] = set()
    weights = []
    for name, planned in plan.items():
        array = _find_array(name, state, used_names)
        if array is None and planned.optional:
            continue
        if planned.kind != "counter":
            weights.append((name, mx.array(_to_mlx_layout(prefix + name, array, planned, layout))))
    if unused_names := sorted(set(state) - used_names):
        raise CheckpointError(
            "is not in the model",
            where=prefix + unused_names[0],
            found=f"{len(unused_names)} such tensors",
        )
    module.load_weights(weights, strict=True)
    mx.eval(module.parameters())


def _to_mlx_layout(name: str, array: Array | None, planned: PlannedTensor, layout: Layout) -> Array:
    """The array in MLX's layout."""
    expected = to_mlx_shape(planned) if layout == "mlx" else planned.shape
    if array is None or array.shape != expected:
        actual_shape = None if array is None else list(array.shape)
        raise CheckpointError(
            "does not fit the model", where=name, expected=list(expected), found=actual_shape
        )
    axes = CONVOLUTION_TO_MLX_AXES.get(planned.kind) if layout == "torch" else None
    return np.ascontiguousarray(array.transpose(axes)) if axes else array


def _find_array(name: str, state: Mapping[str, Array], used_names: set[str]) -> Array | None:
    if name in state:
        used_names.add(name)
        return state[name]
    for pair in list_weight_norm_names(name):
        if pair.gain in state and pair.direction in state:
            used_names.update(pair.names)
            return fuse_weight_norm(state[pair.gain], state[pair.direction])
    return None
