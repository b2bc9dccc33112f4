"""The table of axis orders against shapes written out, and against what MLX's own layers have."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.facts.layers import (
    AXES_FROM_TORCH,
    CONVOLUTION_TO_MLX_AXES,
    CONVOLUTION_TO_TORCH_AXES,
    TO_MLX_AXES,
    invert_axes,
    is_transposed_convolution,
)

OUT, IN, KERNEL = 7, 5, 3


@pytest.mark.parametrize("axes", sorted(set(AXES_FROM_TORCH.values())))
def test_an_order_and_its_inverse_give_the_array_back(axes: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=range(2, 2 + len(axes)))
    np.testing.assert_array_equal(array.transpose(axes).transpose(invert_axes(axes)), array)


@pytest.mark.parametrize(
    ("kind", "torch_shape"),
    [
        ("conv1d", (OUT, IN, KERNEL)),
        ("conv_transpose1d", (IN, OUT, KERNEL)),
        ("conv2d", (OUT, IN, KERNEL, KERNEL)),
        ("conv_transpose2d", (IN, OUT, KERNEL, KERNEL)),
        ("conv3d", (OUT, IN, KERNEL, KERNEL, KERNEL)),
        ("conv_transpose3d", (IN, OUT, KERNEL, KERNEL, KERNEL)),
    ],
)
def test_mlx_stores_out_kernel_in(kind: str, torch_shape: tuple[int, ...]) -> None:
    shape = np.empty(torch_shape).transpose(CONVOLUTION_TO_MLX_AXES[kind]).shape
    assert shape == (OUT, *(KERNEL,) * (len(torch_shape) - 2), IN)
    assert np.empty(shape).transpose(CONVOLUTION_TO_TORCH_AXES[kind]).shape == torch_shape


@pytest.mark.parametrize("name", ["Conv1d", "ConvTranspose1d", "Conv2d", "ConvTranspose2d"])
def test_the_table_agrees_with_the_layers_of_both_frameworks(name: str) -> None:
    torch_layers = pytest.importorskip("torch").nn
    mlx_layers = pytest.importorskip("mlx.nn")
    kind = name.lower().replace("convtranspose", "conv_transpose")
    torch_weight = getattr(torch_layers, name)(IN, OUT, KERNEL).weight.detach().numpy()
    mlx_shape = getattr(mlx_layers, name)(IN, OUT, KERNEL).weight.shape
    assert torch_weight.transpose(TO_MLX_AXES[kind]).shape == tuple(mlx_shape)


def test_a_linear_weight_is_the_same_in_torch_and_mlx() -> None:
    assert "linear" not in TO_MLX_AXES
    assert "linear_transposed" not in CONVOLUTION_TO_MLX_AXES


def test_transposed_convolutions_are_told_by_their_kind() -> None:
    kinds = {kind for kind, _ in AXES_FROM_TORCH if is_transposed_convolution(kind)}
    assert kinds == {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
