"""Which way a weight must be turned between PyTorch and MLX, once its layer is known.

| layer            | torch           | MLX             | axes torch -> MLX |
|------------------|-----------------|-----------------|-------------------|
| conv1d           | (out, in/g, k)  | (out, k, in/g)  | 0 2 1             |
| conv_transpose1d | (in, out/g, k)  | (out, k, in/g)  | 1 2 0             |
| conv2d           | (out, in/g, h, w) | (out, h, w, in/g) | 0 2 3 1       |
| conv_transpose2d | (in, out/g, h, w) | (out, h, w, in/g) | 1 2 3 0       |
| conv3d           | (out, in/g, d, h, w) | (out, d, h, w, in/g) | 0 2 3 4 1 |
| linear_transposed (GPT-2's Conv1D) | (in, out) | (out, in)   | 1 0               |

Linear and embedding weights are the same in both.
"""

from __future__ import annotations

from typing import Literal

from auscult.recipe.ops.permute import Permute
from auscult.weights import Shape

Framework = Literal["torch", "mlx"]

TO_MLX: dict[str, tuple[int, ...]] = {
    "conv1d": (0, 2, 1),
    "conv_transpose1d": (1, 2, 0),
    "conv2d": (0, 2, 3, 1),
    "conv_transpose2d": (1, 2, 3, 0),
    "conv3d": (0, 2, 3, 4, 1),
    "conv_transpose3d": (1, 2, 3, 4, 0),
    "linear_transposed": (1, 0),
}
RANK = {kind: len(axes) for kind, axes in TO_MLX.items()}


def permutation(kind: str, to: Framework) -> Permute | None:
    """The permutation that brings a weight of that kind from the other framework's layout; None if there is none."""
    if kind not in TO_MLX:
        return None
    permute = Permute(TO_MLX[kind])
    return permute if to == "mlx" else permute.inverse()


def same_effect(shape: Shape, a: Permute, b: Permute) -> bool:
    """Whether two permutations give the same tensor, because they differ only in axes of length 1."""
    if a.shapes([shape]) != b.shapes([shape]):
        return False
    return [axis for axis in a.axes if shape[axis] != 1] == [axis for axis in b.axes if shape[axis] != 1]
