"""Keep the state of a training, and put it back as if nothing had run: weights, buffers, plain
attributes, optimizers, RNG.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from auscult.preflight_checks.setup import Setup

_PLAIN_TYPES = (bool, int, float, str, type(None))


class TrainingSnapshot:
    """The state of a training at the time of construction; `restore` puts it back, as often as
    wanted.
    """

    def __init__(self, setup: Setup) -> None:
        self._modules = _list_modules(setup)
        self._tensors: dict[int, tuple[Tensor, Tensor, Tensor | None]] = {}
        self._attribute_dicts: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for module in self._modules:
            self._keep_module(module)
        for optimizer in setup.optimizers:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    self._keep_tensor(parameter)
        self._object_states = [
            (stateful_object, copy.deepcopy(stateful_object.state_dict()))
            for stateful_object in _list_stateful(setup)
        ]
        self._rng = (torch.get_rng_state(), np.random.get_state(), random.getstate())
        if torch.cuda.is_available():
            self._cuda_rng = torch.cuda.get_rng_state_all()
        else:
            self._cuda_rng = []

    def _keep_module(self, module: nn.Module) -> None:
        for tensor in (*module._parameters.values(), *module._buffers.values()):
            if tensor is not None:
                self._keep_tensor(tensor)
        for place in (module._parameters, module._buffers):
            self._attribute_dicts.append((place, dict(place)))
        plain: dict[str, Any] = {
            name: value for name, value in vars(module).items() if isinstance(value, _PLAIN_TYPES)
        }
        for name, value in vars(module).items():
            if isinstance(value, Tensor):
                plain[name] = value.detach().clone()
        self._attribute_dicts.append((vars(module), plain))

    def _keep_tensor(self, tensor: Tensor) -> None:
        if id(tensor) not in self._tensors and not isinstance(tensor, nn.UninitializedParameter):
            if not tensor.is_leaf or tensor.grad is None:
                grad = None
            else:
                grad = tensor.grad.detach().clone()
            self._tensors[id(tensor)] = (tensor, tensor.detach().clone(), grad)

    @torch.no_grad()
    def restore(self) -> None:
        """Put everything back."""
        for place, entries in self._attribute_dicts:
            place.update(entries)
        for tensor, values, grad in self._tensors.values():
            tensor.data.copy_(values)
            if tensor.is_leaf:
                tensor.grad = None if grad is None else grad.clone()
        for stateful_object, state in self._object_states:
            stateful_object.load_state_dict(copy.deepcopy(state))
        torch.set_rng_state(self._rng[0])
        np.random.set_state(self._rng[1])
        random.setstate(self._rng[2])
        if self._cuda_rng:
            torch.cuda.set_rng_state_all(self._cuda_rng)


def _list_modules(setup: Setup) -> list[nn.Module]:
    modules_by_id: dict[int, nn.Module] = {}
    for root in (setup.model, *setup.parts.values(), *iter_nested(setup.keep)):
        if isinstance(root, nn.Module):
            modules_by_id.update({id(module): module for module in root.modules()})
    return list(modules_by_id.values())


def _list_stateful(setup: Setup) -> list[Any]:
    """Optimizers, schedulers, scalers: what has a state and takes it back, and is no module."""
    objects = [*setup.optimizers, *iter_nested(setup.keep)]
    unique = {id(item): item for item in objects if not isinstance(item, nn.Module)}
    return [
        item
        for item in unique.values()
        if hasattr(item, "state_dict") and hasattr(item, "load_state_dict")
    ]


def iter_nested(value: Any) -> Iterator[Any]:
    """Everything in nested lists, dicts and records, the records themselves too."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from iter_nested(item)
    elif is_dataclass(value) and not isinstance(value, type):
        yield value
        for entry in fields(value):
            yield from iter_nested(getattr(value, entry.name))
    else:
        yield value
