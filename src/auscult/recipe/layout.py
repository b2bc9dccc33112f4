"""Which way a weight must be turned between PyTorch and MLX, once its layer is known: see `auscult.facts.layers`."""

from __future__ import annotations

from typing import Literal

from auscult.facts.layers import TO_MLX_AXES, is_transposed_convolution
from auscult.recipe.op import Op
from auscult.recipe.ops.permute import Permute
from auscult.recipe.ops.reshape import Reshape
from auscult.weights import Shape

Framework = Literal["torch", "mlx"]


def make_permutation(kind: str, to: Framework) -> Permute | None:
    """The permutation that brings a weight of that kind from the other framework's layout; None if there is none."""
    if kind not in TO_MLX_AXES:
        return None
    permute = Permute(TO_MLX_AXES[kind])
    if to == "mlx":
        return permute
    return permute.inverse()


def make_conversion(kind: str, shape: Shape, groups: int, to: Framework) -> tuple[Op, ...]:
    """The operations that bring a weight of that kind, shape and number of groups from the other framework's layout."""
    permute = make_permutation(kind, to)
    if permute is None:
        return ()
    if groups == 1 or not is_transposed_convolution(kind):
        return (permute,)
    kernel = shape[2:] if to == "mlx" else shape[1:-1]
    middle = tuple(range(3, 3 + len(kernel)))
    if to == "mlx":
        inner, outer = shape[0] // groups, shape[1]
    else:
        inner, outer = shape[-1], shape[0] // groups
    group_permute, joined_shape = Permute((0, 2, *middle, 1)), (groups * outer, *kernel, inner)
    stored_shape = (groups * inner, outer, *kernel)
    if inner == outer == 1:  # depthwise: one channel for each group on both sides
        depthwise_permute = Permute((0, *(axis - 1 for axis in middle), 1))
        return (depthwise_permute if to == "mlx" else depthwise_permute.inverse(),)
    ops = (
        Reshape(stored_shape, (groups, inner, outer, *kernel)),
        group_permute,
        Reshape((groups, outer, *kernel, inner), joined_shape),
    )
    if to == "mlx":
        return ops
    return tuple(op.inverse() for op in reversed(ops))


def has_same_effect(shape: Shape, a: Permute, b: Permute) -> bool:
    """Whether two permutations give the same tensor, because they differ only in axes of length 1."""
    if a.shapes([shape]) != b.shapes([shape]):
        return False
    return [axis for axis in a.axes if shape[axis] != 1] == [
        axis for axis in b.axes if shape[axis] != 1
    ]
