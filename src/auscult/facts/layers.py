"""Kinds of layer, each in one spelling, and the order of axes in which each framework stores their weights.

| layer            | torch             | MLX               | Keras             |
|------------------|-------------------|-------------------|-------------------|
| conv1d           | (out, in/g, k)    | (out, k, in/g)    | (k, in/g, out)    |
| conv_transpose1d | (in, out/g, k)    | (out, k, in/g)    | (k, out/g, in)    |
| conv2d           | (out, in/g, h, w) | (out, h, w, in/g) | (h, w, in/g, out) |
| conv_transpose2d | (in, out/g, h, w) | (out, h, w, in/g) | (h, w, out/g, in) |
| conv3d           | (out, in/g, d, h, w) | (out, d, h, w, in/g) |             |
| conv_transpose3d | (in, out/g, d, h, w) | (out, d, h, w, in/g) |             |
| linear           | (out, in)         | (out, in)         | (in, out)         |
| linear_transposed (GPT-2's Conv1D) | (in, out) | (out, in) |                 |

Paddle has torch's orders, but for linear, where it has Keras'. Embeddings are the same in all. The groups (g) of a transposed convolution lie along the input axis in torch and along the
output axis in MLX: where there are several, they must be taken apart, which no order of axes does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

LayerKind = Literal[
    "conv1d",
    "conv_transpose1d",
    "conv2d",
    "conv_transpose2d",
    "conv3d",
    "conv_transpose3d",
    "linear",
    "linear_transposed",
    "embedding",
    "recurrent",
    "vector",
    "other",
]
FrameworkLayout = Literal["torch", "mlx", "keras", "paddle"]
Axes = tuple[int, ...]

AXES_FROM_TORCH: Mapping[tuple[LayerKind, FrameworkLayout], Axes] = {
    ("conv1d", "mlx"): (0, 2, 1),
    ("conv_transpose1d", "mlx"): (1, 2, 0),
    ("conv2d", "mlx"): (0, 2, 3, 1),
    ("conv_transpose2d", "mlx"): (1, 2, 3, 0),
    ("conv3d", "mlx"): (0, 2, 3, 4, 1),
    ("conv_transpose3d", "mlx"): (1, 2, 3, 4, 0),
    ("linear_transposed", "mlx"): (1, 0),
    ("conv1d", "keras"): (2, 1, 0),
    ("conv_transpose1d", "keras"): (2, 1, 0),
    ("conv2d", "keras"): (2, 3, 1, 0),
    ("conv_transpose2d", "keras"): (2, 3, 1, 0),
    ("linear", "keras"): (1, 0),
    ("linear", "paddle"): (1, 0),
}
"""Axes of torch's weight, in the order in which that framework stores them; kinds that are not here are the same in both."""

ONE_DIMENSIONAL_KIND: Mapping[LayerKind, LayerKind] = {
    "conv2d": "conv1d",
    "conv_transpose2d": "conv_transpose1d",
}
"""The layer over time that a graph's operator over a plane may stand for."""

LAYOUT_BY_FORMAT: Mapping[str, FrameworkLayout] = {"paddle": "paddle"}
"""The framework whose orders the files of a format have, where only one framework writes it."""


def stores_linear_transposed(file_format: str) -> bool:
    """Whether every linear layer in files of that format is (in, out)."""
    layout = LAYOUT_BY_FORMAT.get(file_format)
    return layout is not None and AXES_FROM_TORCH.get(("linear", layout)) == (1, 0)


def invert_axes(axes: Axes) -> Axes:
    """The permutation that undoes `axes`."""
    return tuple(axes.index(axis) for axis in range(len(axes)))


def is_transposed_convolution(kind: str) -> bool:
    """Whether a kind of layer is a transposed convolution, in any number of dimensions."""
    return kind.startswith("conv_transpose")


TO_MLX_AXES: Mapping[str, Axes] = {
    kind: axes for (kind, layout), axes in AXES_FROM_TORCH.items() if layout == "mlx"
}
"""Axes of torch's weight in MLX's order, by the kind of layer."""
CONVOLUTION_TO_MLX_AXES: Mapping[str, Axes] = {
    kind: axes for kind, axes in TO_MLX_AXES.items() if kind.startswith("conv")
}
CONVOLUTION_TO_TORCH_AXES: Mapping[str, Axes] = {
    kind: invert_axes(axes) for kind, axes in CONVOLUTION_TO_MLX_AXES.items()
}
"""Axes of MLX's convolution weight in torch's order, by the kind of layer."""
