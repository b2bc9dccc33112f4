"""In which layout each weight of a family's checkpoint is, tensor by tensor, by the shape that the family gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from auscult.errors import CheckpointError
from auscult.facts.layers import CONVOLUTION_TO_TORCH_AXES
from auscult.facts.weight_norm import get_fused_name, list_weight_norm_names, parse_weight_norm_name
from auscult.families._plan import Plan, PlannedTensor, to_mlx_shape
from auscult.weights import Array, Shape

LayoutFit = Literal["torch", "mlx", "either", "neither"]


def classify_layout(planned: PlannedTensor, shape: Shape) -> LayoutFit:
    """Which layouts a stored shape fits; `either` where a permutation would leave the shape as it is."""
    torch, mlx = shape == planned.shape, shape == to_mlx_shape(planned)
    return ("either" if mlx else "torch") if torch else ("mlx" if mlx else "neither")


def find_layouts(shapes: Mapping[str, Shape], plan: Plan) -> dict[str, LayoutFit]:
    """The layout of every convolution's weight that is there, under its own name (the direction's, of a weight-norm pair)."""
    layout_by_name: dict[str, LayoutFit] = {}
    for name, planned in plan.items():
        if planned.kind in CONVOLUTION_TO_TORCH_AXES:
            present_name = next(
                (stored_name for stored_name in _list_stored_names(name) if stored_name in shapes),
                None,
            )
            if present_name is not None:
                layout_by_name[present_name] = classify_layout(planned, tuple(shapes[present_name]))
    return layout_by_name


def to_torch_layout(state: Mapping[str, Array], plan: Plan) -> dict[str, Array]:
    """The state with every convolution's weight in torch's layout; the rest as it is.

    A weight whose shape fits both layouts follows the others; a gain follows its direction.

    Raises:
        CheckpointError: If a shape fits neither layout, or one fits both and the others are in two layouts.
    """
    layout_by_name = find_layouts({name: array.shape for name, array in state.items()}, plan)
    known_layouts = {layout for layout in layout_by_name.values() if layout in ("torch", "mlx")}
    result = dict(state)
    for name, layout in layout_by_name.items():
        weight = get_fused_name(name)
        if layout == "neither":
            expected_shapes = f"{list(plan[weight].shape)} or {list(to_mlx_shape(plan[weight]))}"
            raise CheckpointError(
                "does not fit the model",
                where=name,
                expected=expected_shapes,
                found=list(state[name].shape),
            )
        if layout == "either" and len(known_layouts) > 1:
            raise CheckpointError(
                "fits PyTorch's and MLX's layout, and the file has weights in both",
                where=name,
                hint="`auscult convert --like` with a file of the same weights settles it by their values",
            )
        if layout == "mlx" or (layout == "either" and known_layouts == {"mlx"}):
            result[name] = np.ascontiguousarray(
                state[name].transpose(CONVOLUTION_TO_TORCH_AXES[plan[weight].kind])
            )
            pair = parse_weight_norm_name(name)
            if pair is not None and pair.gain in result:
                gain = result[pair.gain]
                result[pair.gain] = gain.reshape(-1, *(1,) * (result[name].ndim - 1))
    return result


def _list_stored_names(weight: str) -> tuple[str, ...]:
    """A weight, and its direction in both namings of weight norm."""
    return (weight, *(pair.direction for pair in list_weight_norm_names(weight)))
