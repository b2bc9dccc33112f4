"""MLX modules: the tensors of `parameters()`, and what each submodule was built with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx.utils import tree_flatten

from auscult.checkpoint.code import as_plain_data
from auscult.checkpoint.source import dtype_of, item_bytes
from auscult.weights import Array, Checkpoint, ModuleInfo, Tensor


def is_module(value: object) -> bool:
    return isinstance(value, nn.Module)


def is_array(value: object) -> bool:
    return isinstance(value, mx.array)


@dataclass(frozen=True)
class MlxArrayData:
    """Elements of an MLX array, evaluated and copied when asked for."""

    value: Any

    def array(self) -> Array:
        if self.value.dtype == mx.bfloat16:
            return np.array(self.value.view(mx.uint16)).view(dtype_of("bfloat16"))
        return np.array(self.value)

    def flat(self, start: int, stop: int) -> Array:
        return self.array().reshape(-1)[start:stop]


def tensor(name: str, value: Any) -> Tensor:
    """A description of a live array."""
    dtype = str(value.dtype).rpartition(".")[2]
    dtype = "bool" if dtype == "bool_" else dtype
    return Tensor(
        name, tuple(value.shape), dtype, MlxArrayData(value), value.size * item_bytes(dtype)
    )


def state(module: Any, path: str) -> Checkpoint:
    """Every array of `module.parameters()` under its dotted name; frozen ones are marked as not trainable."""
    trainable = {name for name, _ in tree_flatten(module.trainable_parameters())}
    tensors: dict[str, Tensor] = {}
    owners: dict[int, list[str]] = {}
    for name, value in tree_flatten(module.parameters()):
        tensors[name] = replace(tensor(name, value), trainable=name in trainable)
        owners.setdefault(id(value), []).append(name)
    ties = tuple(tuple(names) for names in owners.values() if len(names) > 1)
    modules = {info.path: info for info in _iter_module_infos(module)}
    return Checkpoint(path, "code:mlx", tensors, modules=modules, ties=ties)


def _iter_module_infos(root: Any) -> Iterator[ModuleInfo]:
    for path, module in sorted(root.named_modules(), key=lambda item: item[0]):
        # MLX keeps arrays, submodules, tuples and lists in the module's own dict and everything else in __dict__.
        members = {
            **{name: value for name, value in module.items() if isinstance(value, tuple | list)},
            **vars(module),
        }
        attributes = {
            name: plain_value
            for name, value in members.items()
            if not name.startswith("_") and (plain_value := as_plain_data(value)) is not ...
        }
        yield ModuleInfo(
            path, type(module).__name__, _add_layer_sizes(type(module).__name__, module, attributes)
        )


def _add_layer_sizes(
    kind: str, module: Mapping[str, Any], attributes: dict[str, Any]
) -> dict[str, Any]:
    """MLX forgets the channels and the kernel of a layer; its weight (out, kernel..., in / groups) knows them."""
    weight = module.get("weight")
    if weight is None:
        return attributes
    if kind.startswith("Conv"):
        groups = attributes.get("groups", 1)
        sizes = {
            "out_channels": weight.shape[0],
            "kernel_size": tuple(weight.shape[1:-1]),
            "in_channels": weight.shape[-1] * groups,
        }
        return {**sizes, **attributes}
    if kind == "Linear":
        return {"in_features": weight.shape[1], "out_features": weight.shape[0], **attributes}
    return attributes
