"""Between MLX arrays and numpy's, and the tree of an MLX module."""

from __future__ import annotations

import ml_dtypes
import mlx.core as mx
import numpy as np
import pytest
from mlx import nn

from auscult.errors import UsageError
from auscult.runtime.mlx.convert import (
    collect_modules,
    collect_own_arrays,
    dtype_name,
    find_floating_dtype,
    is_leaf,
    is_tensor,
    set_own_array,
    to_array,
    to_mlx_dtype,
    to_tensor,
)


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "int32", "bool", "complex64"])
def test_there_and_back(name: str) -> None:
    array = np.array([[0, 1, 2]]).astype(np.dtype(getattr(ml_dtypes, name, name)))
    tensor = to_tensor(array)
    assert is_tensor(tensor)
    again = to_array(tensor)
    assert (again.dtype, again.tobytes()) == (array.dtype, array.tobytes())


def test_only_floating_elements_are_cast() -> None:
    assert to_tensor(np.zeros(1, np.float32), mx.float16).dtype == mx.float16
    assert to_tensor(np.zeros(1, np.int32), mx.float16).dtype == mx.int32
    assert to_tensor(np.array(3, np.float32)).shape == ()


def test_a_module_that_is_there_twice_has_its_first_path() -> None:
    shared = nn.Linear(2, 2)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert list(collect_modules(model)) == ["", "layers.0", "layers.1"]
    assert [is_leaf(model), is_leaf(shared)] == [False, True]


def test_arrays_of_the_module_itself() -> None:
    norm = nn.BatchNorm(3)
    assert set(collect_own_arrays(norm)) == {"weight", "bias", "running_mean", "running_var"}
    assert collect_own_arrays(nn.Sequential(norm)) == {}


def test_types() -> None:
    model = nn.Linear(2, 2)
    assert find_floating_dtype(model) == mx.float32
    model.set_dtype(mx.bfloat16)
    assert find_floating_dtype(model) == mx.bfloat16
    assert find_floating_dtype(nn.ReLU()) is None
    assert (dtype_name(mx.bfloat16), to_mlx_dtype("float16")) == ("bfloat16", mx.float16)
    with pytest.raises(UsageError, match="no floating type of MLX"):
        to_mlx_dtype("float8_e4m3fn")


def test_other_values_of_an_array_of_the_module_or_of_a_list_in_it() -> None:
    module = nn.Linear(2, 3)
    module.tables = [mx.zeros((2,))]
    set_own_array(module, "bias", np.ones(3, np.float32))
    set_own_array(module, "tables.0", np.ones(2, np.float32))
    own = collect_own_arrays(module)
    assert own["bias"].tolist() == [1, 1, 1]
    assert own["tables.0"].tolist() == [1, 1]
    with pytest.raises(UsageError, match="has no such array"):
        set_own_array(module, "gain", np.ones(1, np.float32))
