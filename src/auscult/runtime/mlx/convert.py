"""Between MLX arrays and numpy's, and the tree of an MLX module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx.utils import tree_flatten

from auscult.checkpoint.source import dtype_of
from auscult.errors import UsageError
from auscult.weights import Array


def is_tensor(value: object) -> bool:
    return isinstance(value, mx.array)


def to_array(value: Any) -> Array:
    """The elements, evaluated; they are MLX's own memory where numpy has the type."""
    if value.dtype == mx.bfloat16:
        return np.asarray(value.view(mx.uint16)).view(dtype_of("bfloat16"))
    return np.asarray(value)


def to_tensor(array: Array, dtype: Any = None) -> Any:
    """An MLX array; floating elements become `dtype`."""
    array = np.ascontiguousarray(array).reshape(array.shape)
    if array.dtype == dtype_of("bfloat16"):
        tensor = mx.array(array.view(np.uint16)).view(mx.bfloat16)
    elif array.dtype == np.float64:
        tensor = mx.array(array, dtype=mx.float64)
    else:
        tensor = mx.array(array)
    floating = mx.issubdtype(tensor.dtype, mx.floating)
    if dtype is not None and floating and mx.issubdtype(dtype, mx.floating):
        return tensor.astype(dtype)
    return tensor


def collect_modules(model: Any) -> dict[str, Any]:
    """Every module by its path in the order of definition, "" for the whole; one that is there
    twice under its first path.
    """
    modules: dict[str, Any] = {}
    visited_ids: set[int] = set()

    def walk(value: Any, path: str) -> None:
        if isinstance(value, nn.Module):
            if id(value) in visited_ids:
                return
            visited_ids.add(id(value))
            modules[path] = value
            value = value.children()
        for name, item in _iter_items(value):
            walk(item, _join_path(path, name))

    walk(model, "")
    return modules


def is_leaf(module: Any) -> bool:
    """Whether a module consists of no others."""
    return not any(
        True
        for _, leaf in tree_flatten(module.children(), is_leaf=lambda v: isinstance(v, nn.Module))
        if leaf
    )


def collect_own_arrays(module: Any) -> dict[str, Array]:
    """Arrays of the module itself, parameters and others."""
    return dict(
        _iter_arrays(
            {name: value for name, value in module.items() if not isinstance(value, nn.Module)}, ""
        )
    )


def set_own_array(module: Any, name: str, array: Array) -> None:
    """Give the module other values of what `collect_own_arrays` names so.

    Raises:
        UsageError: If it has no such array.
    """
    holder, key = module, None
    for step in name.split("."):
        if key is not None:
            holder = holder[key]
        key = int(step) if isinstance(holder, list) else step
        if key not in (range(len(holder)) if isinstance(holder, list) else holder):
            raise UsageError("has no such array", where=type(module).__name__, found=name)
    old = holder[key]
    holder[key] = to_tensor(array, old.dtype).reshape(old.shape)


def _iter_arrays(value: Any, path: str) -> Iterator[tuple[str, Array]]:
    if isinstance(value, mx.array):
        yield path, to_array(value)
    elif not isinstance(value, nn.Module):
        for name, item in _iter_items(value):
            yield from _iter_arrays(item, _join_path(path, name))


def _iter_items(value: Any) -> Iterator[tuple[str, Any]]:
    """What a container holds, by key or position; nothing for a value."""
    if isinstance(value, Mapping):
        yield from ((str(name), item) for name, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((str(index), item) for index, item in enumerate(value))


def _join_path(path: str, name: str) -> str:
    if path:
        return f"{path}.{name}"
    return name


def find_floating_dtype(module: Any) -> Any:
    """The type of most floating parameters, by elements; None where there are none."""
    sizes: dict[Any, int] = {}
    for _, value in tree_flatten(module.parameters()):
        if mx.issubdtype(value.dtype, mx.floating):
            sizes[value.dtype] = sizes.get(value.dtype, 0) + value.size
    return max(sizes, key=lambda dtype: sizes[dtype], default=None)


def dtype_name(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


def to_mlx_dtype(name: str) -> Any:
    """MLX's type of that numpy or ml_dtypes name.

    Raises:
        UsageError: If it has none.
    """
    dtype = getattr(mx, name, None)
    if not isinstance(dtype, mx.Dtype):
        raise UsageError(
            "is no floating type of MLX", where=name, hint="float16, bfloat16, float32 or float64"
        )
    return dtype
