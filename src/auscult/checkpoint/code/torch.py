"""torch modules: the tensors of `state_dict()`, and what each submodule was built with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from auscult.checkpoint.code import as_plain_data
from auscult.checkpoint.source import dtype_of
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Array, Checkpoint, ModuleInfo, Quantization, Storage, Tensor

_INTEGER_OF_WIDTH = {1: torch.uint8, 2: torch.int16, 4: torch.int32}


def is_module(value: object) -> bool:
    return isinstance(value, torch.nn.Module)


def is_array(value: object) -> bool:
    return isinstance(value, torch.Tensor)


@dataclass(frozen=True)
class TorchTensorData:
    """Elements of a live tensor, copied to the host when asked for."""

    value: torch.Tensor

    def array(self) -> Array:
        if self.value.device.type == "meta":
            raise CheckpointError(
                "has no elements: the module was built on torch's meta device",
                hint="compare names and shapes only, or build it on the CPU",
            )
        if self.value.requires_grad:
            host_tensor = self.value.detach()
        else:
            host_tensor = self.value
        if host_tensor.device.type != "cpu":
            host_tensor = host_tensor.cpu()
        if host_tensor.is_quantized:
            host_tensor = host_tensor.int_repr()
        name = str(host_tensor.dtype).removeprefix("torch.")
        if name in ("bfloat16",) or name.startswith("float8"):
            return (
                host_tensor.contiguous()
                .view(_INTEGER_OF_WIDTH[host_tensor.element_size()])
                .numpy()
                .view(dtype_of(name))
            )
        return np.asarray(
            host_tensor.resolve_conj().resolve_neg().numpy()
            if host_tensor.is_conj() or host_tensor.is_neg()
            else host_tensor.numpy()
        )

    def flat(self, start: int, stop: int) -> Array:
        return self.array().reshape(-1)[start:stop]


def tensor(name: str, value: torch.Tensor) -> Tensor:
    """A description of a live tensor."""
    quantization = None
    dtype = str(value.dtype).removeprefix("torch.")
    if value.is_quantized:
        quantization, dtype = (
            _read_quantization(value),
            {"qint8": "int8", "quint8": "uint8", "qint32": "int32"}[dtype],
        )
    return Tensor(
        name,
        tuple(value.shape),
        dtype,
        TorchTensorData(value),
        value.numel() * value.element_size(),
        storage=Storage(
            _make_storage_key(value),
            int(value.storage_offset()),
            None if value.is_contiguous() else value.stride(),
        ),
        quantization=quantization,
    )


def _read_quantization(value: torch.Tensor) -> Quantization:
    if value.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric):
        scales, zeros = (
            value.q_per_channel_scales().numpy(),
            value.q_per_channel_zero_points().numpy(),
        )
        return Quantization(scales, zeros, value.q_per_channel_axis())
    return Quantization(np.float32(value.q_scale()), np.int32(value.q_zero_point()))  # type: ignore[arg-type]


def _make_storage_key(value: torch.Tensor) -> str:
    if value.device.type != "meta" and not value.is_quantized:
        pointer = value.untyped_storage().data_ptr()
    else:
        pointer = 0
    return f"{value.device}:{pointer or id(value)}"


def state(module: torch.nn.Module, path: str) -> Checkpoint:
    """Every tensor of `module.state_dict()` under its name there; buffers that it leaves out are not part of a checkpoint."""
    tensors: dict[str, Tensor] = {}
    skips: list[Skip] = []
    owners: dict[tuple[Any, ...], list[str]] = {}
    for name, value in module.state_dict(keep_vars=True).items():
        if not isinstance(value, torch.Tensor):
            skips.append(Skip(name, f"is no tensor but extra state ({type(value).__name__})"))
            continue
        if isinstance(value, torch.nn.UninitializedParameter):
            skips.append(
                Skip(name, "is a lazy parameter without a shape: run the module once first")
            )
            continue
        if is_quantised_wrapper(value):
            tensors.update((part.name, part) for part in _iter_parts(name, value))
            continue
        description = tensor(name, value)
        trainable = isinstance(value, torch.nn.Parameter)
        tensors[name] = replace(description, trainable=trainable)
        storage = description.storage
        if value.numel() and storage is not None:
            owners.setdefault(
                (storage.key, storage.offset, description.shape, storage.strides), []
            ).append(name)
    ties = tuple(tuple(names) for names in owners.values() if len(names) > 1)
    modules = {info.path: info for info in iter_module_infos(module)}
    return Checkpoint(path, "code:torch", tensors, skips=tuple(skips), modules=modules, ties=ties)


def is_quantised_wrapper(value: torch.Tensor) -> bool:
    """Whether a tensor is a quantiser's subclass, whose codes and scales are tensors inside it."""
    kind = type(value)
    has_own_values = getattr(kind, "dequantize", None) is not torch.Tensor.dequantize
    return hasattr(kind, "__tensor_flatten__") and has_own_values


def _iter_parts(name: str, value: torch.Tensor) -> Iterator[Tensor]:
    """The tensors inside a quantiser's subclass, under the names that torch.save gives them."""
    inner_names, _ = value.__tensor_flatten__()  # type: ignore[attr-defined]
    for inner_name in inner_names:
        inner = getattr(value, inner_name)
        if not isinstance(inner, torch.Tensor):
            continue
        if hasattr(type(inner), "__tensor_flatten__"):
            yield from _iter_parts(f"{name}.{inner_name}", inner)
        else:
            yield tensor(f"{name}.{inner_name}", inner)


def iter_module_infos(root: torch.nn.Module) -> Iterator[ModuleInfo]:
    """Class and attributes of every module."""
    for path, module in root.named_modules():
        kind = type(module)
        if torch.nn.utils.parametrize.is_parametrized(module):
            kind = kind.__mro__[
                1
            ]  # parametrize makes a class of its own over the one that was written
        attributes = {}
        for name, value in vars(module).items():
            if name.startswith("_"):
                continue
            plain_value = as_plain_data(tuple(value) if isinstance(value, torch.Size) else value)
            if plain_value is not ...:
                attributes[name] = plain_value
        yield ModuleInfo(path, kind.__name__, attributes)
