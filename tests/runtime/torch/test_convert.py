"""Between torch tensors and numpy arrays, bit for bit."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import torch

from auscult.runtime.torch.convert import (
    dtype_name,
    find_floating_dtype,
    is_tensor,
    to_array,
    to_tensor,
    to_torch_dtype,
)


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "int64", "bool", "complex64"])
def test_there_and_back(name: str) -> None:
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    array = np.array([[0, 1, 2]]).astype(dtype)
    tensor = to_tensor(array)
    assert dtype_name(tensor.dtype) == name
    again = to_array(tensor)
    assert (again.dtype, again.tobytes()) == (array.dtype, array.tobytes())


def test_a_tensor_has_elements_of_its_own() -> None:
    array = np.zeros(2, np.float32)
    to_tensor(array).add_(1)
    assert array.tolist() == [0, 0]


def test_only_floating_elements_are_cast() -> None:
    assert to_tensor(np.zeros(1, np.float32), dtype=torch.float64).dtype == torch.float64
    assert to_tensor(np.zeros(1, np.int64), dtype=torch.float64).dtype == torch.int64


def test_what_has_elements() -> None:
    assert is_tensor(torch.ones(1))
    assert not is_tensor(torch.ones(1, device="meta"))
    assert not is_tensor(torch.eye(2).to_sparse())
    assert not is_tensor(np.ones(1))


def test_the_type_of_most_elements() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(8, 8).half(), torch.nn.Linear(2, 2))
    assert find_floating_dtype(model) == torch.float16
    assert find_floating_dtype(torch.nn.ReLU()) is None
    assert to_torch_dtype("bfloat16") == torch.bfloat16
