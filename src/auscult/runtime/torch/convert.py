"""Between torch tensors and numpy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from auscult.checkpoint.code.torch import TorchTensorData
from auscult.checkpoint.source import dtype_of
from auscult.weights import Array

_SAME_WIDTH = {1: torch.uint8, 2: torch.int16, 4: torch.int32}


def is_tensor(value: object) -> bool:
    """Whether it has elements that can be recorded."""
    return (
        isinstance(value, torch.Tensor)
        and value.device.type != "meta"
        and value.layout == torch.strided
    )


def to_array(tensor: torch.Tensor) -> Array:
    """The elements, without a copy where the tensor lies in this machine's memory."""
    return TorchTensorData(tensor).array()


def to_tensor(
    array: Array, *, dtype: torch.dtype | None = None, device: Any = None
) -> torch.Tensor:
    """A tensor with elements of its own; floating elements become `dtype`."""
    array = np.ascontiguousarray(array)
    name = array.dtype.name
    if name == "bfloat16" or name.startswith("float8"):
        tensor = torch.from_numpy(array.view(f"i{array.itemsize}").copy()).view(
            getattr(torch, name)
        )
    else:
        tensor = torch.from_numpy(array.copy())
    if dtype is not None and tensor.is_floating_point() and dtype.is_floating_point:
        tensor = tensor.to(dtype)
    return tensor.to(device)


def find_floating_dtype(module: torch.nn.Module) -> torch.dtype | None:
    """The type of most floating parameters and buffers, by elements."""
    sizes: dict[torch.dtype, int] = {}
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.numel()
    return max(sizes, key=lambda dtype: sizes[dtype], default=None)


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def to_torch_dtype(name: str) -> torch.dtype:
    """torch's type of that numpy or ml_dtypes name."""
    return getattr(torch, dtype_of(name).name)  # type: ignore[no-any-return]
