"""Textbook operations against torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from auscult.explain.algebra import layers as ops
from auscult.explain.algebra.norms import NormConvention
from auscult.explain.algebra.upsampling import upsample_by_each_method
from auscult.weights import Array


def close(found: Any, wanted: Any, atol: float = 0.0) -> None:
    assert found is not None
    np.testing.assert_allclose(found, np.asarray(wanted), atol=atol)


def drawn(*shape: int) -> Array:
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape)


@pytest.mark.parametrize(
    ("stride", "dilation", "groups"), [(1, 1, 1), (2, 1, 1), (1, 3, 1), (3, 2, 2), (1, 1, 4)]
)
def test_conv1d(stride: int, dilation: int, groups: int) -> None:
    x, weight, bias = drawn(2, 4, 19), drawn(8, 4 // groups, 3), drawn(8)
    wanted = functional.conv1d(
        torch.tensor(x), torch.tensor(weight), torch.tensor(bias), stride, 0, dilation, groups
    )
    close(
        ops.conv1d(x, weight, bias, stride=stride, dilation=dilation, groups=groups),
        wanted,
        atol=1e-12,
    )


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (5, 1), (2, 2)])
def test_conv_transpose1d(stride: int, groups: int) -> None:
    x, weight, bias = drawn(2, 4, 9), drawn(4, 6 // groups, 4), drawn(6)
    wanted = functional.conv_transpose1d(
        torch.tensor(x), torch.tensor(weight), torch.tensor(bias), stride, 0, 0, groups
    )
    close(ops.conv_transpose1d(x, weight, bias, stride=stride, groups=groups), wanted, atol=1e-12)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_pad(mode: ops.PaddingMode) -> None:
    x = drawn(1, 2, 7)
    wanted = functional.pad(torch.tensor(x), (3, 2), mode={"zeros": "constant"}.get(mode, mode))
    close(ops.pad_time(x, 3, 2, mode), wanted)


def test_a_reflection_longer_than_the_signal_is_none() -> None:
    assert ops.pad_time(drawn(1, 1, 3), 3, 0, "reflect") is None


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [(ops.gelu, functional.gelu), (ops.mish, functional.mish), (ops.elu, functional.elu)],
)
def test_activations(mine: Callable[..., Any], theirs: Callable[..., Any]) -> None:
    x = drawn(50)
    close(mine(x), theirs(torch.tensor(x)), atol=1e-12)


def test_gelu_tanh() -> None:
    x = drawn(50)
    close(ops.gelu_tanh(x), functional.gelu(torch.tensor(x), approximate="tanh"), atol=1e-12)


def test_attention() -> None:
    q, k, v = drawn(2, 3, 5, 4), drawn(2, 3, 5, 4) + 1, drawn(2, 3, 5, 4) - 1
    wanted = functional.scaled_dot_product_attention(
        torch.tensor(q), torch.tensor(k), torch.tensor(v)
    )
    close(ops.apply_attention(q, k, v, 0.5), wanted, atol=1e-12)


def test_rotation_keeps_products_of_equal_distance() -> None:
    """Rotated q at m times rotated k at n depends on m - n alone: what a position embedding must do, in both conventions."""
    q, k = drawn(1, 8), drawn(1, 8) * 2
    for interleaved in (False, True):
        one, two = (ops.apply_rotary(np.repeat(x, 6, 0), interleaved=interleaved) for x in (q, k))
        turned = one @ two.T
        for distance in range(-5, 6):
            close(np.ptp(np.diagonal(turned, distance)), 0, atol=1e-10)


def test_instance_norm() -> None:
    x = drawn(2, 4, 9)
    close(
        NormConvention("instance", 1)(x, {}), functional.instance_norm(torch.tensor(x)), atol=1e-10
    )


def test_group_norm() -> None:
    x, gain, bias = drawn(2, 6, 9), drawn(6), drawn(6) + 1
    wanted = functional.group_norm(torch.tensor(x), 3, torch.tensor(gain), torch.tensor(bias))
    close(
        NormConvention("group", 1, groups=3)(x, {"weight": gain, "bias": bias}), wanted, atol=1e-10
    )


def test_strided_groups_are_those_of_mlx() -> None:
    nn, mx = pytest.importorskip("mlx.nn"), pytest.importorskip("mlx.core")
    x = drawn(2, 9, 6).astype(np.float32)
    layer = nn.GroupNorm(3, 6)
    wanted = np.array(layer(mx.array(x)))
    found = NormConvention("group", 2, groups=3, strided=True)(x.astype(float), {})
    close(found, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [("nearest", {}), ("linear", {}), ("linear with aligned corners", {"align_corners": True})],
)
def test_upsampling(name: str, options: dict[str, bool]) -> None:
    x = drawn(1, 2, 7)
    wanted = functional.interpolate(
        torch.tensor(x), scale_factor=3, mode=name.partition(" ")[0], **options
    )
    close(upsample_by_each_method(x, 3)[name], wanted, atol=1e-12)


def test_overlap_add_of_a_window_that_sums_to_one() -> None:
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(8) / 8)
    total = ops.overlap_add(np.tile(window, (1, 20, 1)), 4)
    close(total[0, 8:-8], 1, atol=1e-12)
