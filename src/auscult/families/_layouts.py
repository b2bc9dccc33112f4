"""In which layout each weight of a family's checkpoint is, tensor by tensor, by the shape that the family gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from auscult.errors import CheckpointError
from auscult.families._plan import Plan, Planned, mlx_shape
from auscult.families._shapes import NEW, OLD
from auscult.weights import Array, Shape

Fit = Literal["torch", "mlx", "either", "neither"]
TO_TORCH = {"conv1d": (0, 2, 1), "conv_transpose1d": (2, 0, 1), "conv2d": (0, 3, 1, 2)}
"""Axes of MLX's layout in torch's order."""


def fit(planned: Planned, shape: Shape) -> Fit:
    """Which layouts a stored shape fits; `either` where a permutation would leave the shape as it is."""
    torch, mlx = shape == planned.shape, shape == mlx_shape(planned)
    return ("either" if mlx else "torch") if torch else ("mlx" if mlx else "neither")


def layouts(shapes: Mapping[str, Shape], plan: Plan) -> dict[str, Fit]:
    """The layout of every convolution's weight that is there, under its own name (the direction's, of a weight-norm pair)."""
    found: dict[str, Fit] = {}
    for name, planned in plan.items():
        if planned.kind in TO_TORCH:
            stored = next((other for other in _names(name) if other in shapes), None)
            if stored is not None:
                found[stored] = fit(planned, tuple(shapes[stored]))
    return found


def in_torch_layout(state: Mapping[str, Array], plan: Plan) -> dict[str, Array]:
    """The state with every convolution's weight in torch's layout; the rest as it is.

    A weight whose shape fits both layouts follows the others; a gain follows its direction.

    Raises:
        CheckpointError: If a shape fits neither layout, or one fits both and the others are in two layouts.
    """
    decided = layouts({name: array.shape for name, array in state.items()}, plan)
    sides = {side for side in decided.values() if side in ("torch", "mlx")}
    result = dict(state)
    for name, side in decided.items():
        weight = _weight_of(name)
        if side == "neither":
            both = f"{list(plan[weight].shape)} or {list(mlx_shape(plan[weight]))}"
            raise CheckpointError(
                "does not fit the model", where=name, expected=both, found=list(state[name].shape)
            )
        if side == "either" and len(sides) > 1:
            raise CheckpointError(
                "fits PyTorch's and MLX's layout, and the file has weights in both",
                where=name,
                hint="`auscult convert --like` with a file of the same weights settles it by their values",
            )
        if side == "mlx" or (side == "either" and sides == {"mlx"}):
            result[name] = np.ascontiguousarray(state[name].transpose(TO_TORCH[plan[weight].kind]))
            gain = next(
                (
                    weight.removesuffix(".weight") + pair[0]
                    for pair in (OLD, NEW)
                    if name.endswith(pair[1])
                ),
                None,
            )
            if gain is not None and gain in result:
                result[gain] = result[gain].reshape(-1, *(1,) * (result[name].ndim - 1))
    return result


def _names(weight: str) -> tuple[str, ...]:
    """A weight, and its direction in both namings of weight norm."""
    stem = weight.removesuffix(".weight")
    return (weight, stem + OLD[1], stem + NEW[1])


def _weight_of(stored: str) -> str:
    """The weight that a stored name is, or is the direction of."""
    for _, direction in (OLD, NEW):
        if stored.endswith(direction):
            return stored.removesuffix(direction) + ".weight"
    return stored
