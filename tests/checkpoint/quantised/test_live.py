"""Quantised weights of live modules: read as those of files are, by the same schemes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.checkpoint.target import state_of
from auscult.verbs.inspect.inspect import inspect

PACKINGS = [
    ("affine", 4, 64, "4-bit, group 64 (MLX affine)"),
    ("affine", 3, 32, "3-bit, group 32 (MLX affine)"),
    ("affine", 8, 128, "8-bit, group 128 (MLX affine)"),
    ("mxfp4", 4, 32, "4-bit, group 32 (MLX mxfp4)"),
]


@pytest.mark.parametrize(("mode", "bits", "group", "label"), PACKINGS)
def test_a_quantised_layer_of_mlx(mode: str, bits: int, group: int, label: str) -> None:
    mx = pytest.importorskip("mlx.core")
    from mlx import nn

    layer = nn.Linear(256, 64)
    model = nn.Sequential(nn.QuantizedLinear.from_linear(layer, group, bits, mode=mode))
    quantised = model.layers[0]
    values = mx.dequantize(
        quantised.weight, quantised.scales, quantised.get("biases"),
        group_size=group, bits=bits, mode=mode, dtype=mx.float32,
    )  # fmt: skip
    tensor = state_of(model)["layers.0.weight"]
    assert tensor.shape == (64, 256)
    assert tensor.weight_storage is not None
    assert tensor.weight_storage.label == label
    np.testing.assert_array_equal(tensor.values(), np.array(values))


def test_a_layer_of_plain_numbers_has_no_storage() -> None:
    pytest.importorskip("mlx.core")
    from mlx import nn

    state = state_of(nn.Linear(256, 64))
    assert set(state) == {"weight", "bias"}
    assert all(tensor.weight_storage is None for tensor in state.values())


def test_a_tensor_of_a_quantisers_class() -> None:
    """torchao's int8 weights are a subclass of torch.Tensor with the codes and scales inside."""
    pytest.importorskip("torch")
    import torch
    from torch.utils._python_dispatch import return_and_correct_aliasing

    class Int8Tensor(torch.Tensor):
        @staticmethod
        def __new__(cls: Any, qdata: Any, scale: Any) -> Any:
            return torch.Tensor._make_wrapper_subclass(cls, qdata.shape, dtype=scale.dtype)

        def __init__(self, qdata: Any, scale: Any) -> None:
            self.qdata, self.scale = qdata, scale

        def __tensor_flatten__(self) -> tuple[list[str], None]:
            return ["qdata", "scale"], None

        @classmethod
        def __torch_dispatch__(  # type: ignore[override]
            cls, function: Any, types: Any, args: Any, kwargs: Any = None
        ) -> Any:
            if function is torch.ops.aten.detach.default:
                made = cls(args[0].qdata, args[0].scale)
                return return_and_correct_aliasing(function, args, kwargs or {}, made)
            raise NotImplementedError(function)

        def dequantize(self) -> Any:
            return self.qdata * self.scale

    codes = torch.arange(-64, 64, dtype=torch.int8).reshape(8, 16)
    scales = torch.linspace(0.5, 1.5, 8)[:, None]
    model = torch.nn.Sequential(torch.nn.Linear(16, 8))
    model[0].weight = torch.nn.Parameter(Int8Tensor(codes, scales), requires_grad=False)
    tensor = state_of(model)["0.weight"]
    np.testing.assert_array_equal(tensor.values(), (codes * scales).numpy())
    checkpoint = inspect(model).extra["checkpoint"]
    [storage] = checkpoint["quantised"]
    assert (storage["bits"], storage["group"], storage["tensors"]) == (8, None, 1)
    assert checkpoint["modules"][0]["tensors"][0]["storage"].startswith("8-bit")
