"""What the PyTorch modules of the families share: building in a weight-norm form, and loading from any of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, weight_norm

from auscult.errors import CheckpointError
from auscult.facts.weight_norm import (
    WeightNormNames,
    get_fused_name,
    is_gain_name,
    list_weight_norm_names,
)

WeightNormForm = Literal["fused", "weight-norm-old", "weight-norm-new"]
WEIGHT_NORM_FORMS: Mapping[WeightNormForm, Callable[[nn.Module], nn.Module]] = {
    "fused": lambda layer: layer,
    "weight-norm-old": weight_norm,
    "weight-norm-new": parametrizations.weight_norm,
}


def draw_normal_weights(layer: nn.Conv1d | nn.ConvTranspose1d, deviation: float) -> None:
    """Normal weights of that standard deviation; the bias stays as torch has drawn it."""
    nn.init.normal_(layer.weight, 0.0, deviation)


def load(module: nn.Module, state: Mapping[str, Tensor], prefix: str = "") -> None:
    """Load weights whatever form of weight norm the module and the state have.

    Tensors of the same form are copied bit for bit; a pair into a fused module is fused in float64, and a fused weight
    into a pair becomes direction w and gain ||w||. A module that was built on the meta device takes the state's own tensors,
    without a copy where the type is its own.

    Raises:
        CheckpointError: If a tensor of the module is not in the state, one of the state is not in the module, or a shape
            differs. The module is then unchanged.
    """
    state = {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix)
    }
    used_names: set[str] = set()
    loaded_tensors, is_on_meta = {}, False
    for name, target in module.state_dict().items():
        is_on_meta |= target.is_meta
        value = _find_tensor(name, state, used_names)
        if value is None or value.shape != target.shape:
            actual_shape = None if value is None else list(value.shape)
            raise CheckpointError(
                "does not fit the model",
                where=prefix + name,
                expected=list(target.shape),
                found=actual_shape,
            )
        loaded_tensors[name] = value.to(target.dtype)
    if unused_names := sorted(set(state) - used_names):
        raise CheckpointError(
            "is not in the model",
            where=prefix + unused_names[0],
            found=f"{len(unused_names)} such tensors",
        )
    module.load_state_dict(loaded_tensors, assign=is_on_meta)


def _find_tensor(name: str, state: Mapping[str, Tensor], used_names: set[str]) -> Tensor | None:
    """The value of one of the module's tensors, and a note of the tensors that it came from."""
    if name in state:
        used_names.add(name)
        return state[name]
    weight_name = get_fused_name(name)
    stored_pair = _find_stored_pair(weight_name, state)
    if is_gain_name(name):
        return _find_gain(weight_name, stored_pair, state, used_names)
    if weight_name != name:
        source = weight_name if stored_pair is None else stored_pair.direction
        used_names.add(source)
        return state.get(source)
    if stored_pair is None:
        return None
    used_names.update(stored_pair.names)
    return fuse_weight_norm(state[stored_pair.gain], state[stored_pair.direction])


def _find_stored_pair(weight_name: str, state: Mapping[str, Tensor]) -> WeightNormNames | None:
    """The pair that stands for a weight in the state; None if no whole pair does."""
    for pair in list_weight_norm_names(weight_name):
        if pair.gain in state and pair.direction in state:
            return pair
    return None


def _find_gain(
    weight_name: str,
    stored_pair: WeightNormNames | None,
    state: Mapping[str, Tensor],
    used_names: set[str],
) -> Tensor | None:
    """The gain as the state has it, else the norm of the fused weight."""
    if stored_pair is not None:
        used_names.add(stored_pair.gain)
        return state[stored_pair.gain]
    used_names.add(weight_name)
    weight = state.get(weight_name)
    if weight is None:
        return None
    return _compute_norm(weight.double()).to(weight.dtype)


def fuse_weight_norm(gain: Tensor, direction: Tensor) -> Tensor:
    """g * v / ||v||, the norm over all axes but the first, in float64."""
    wide = direction.double()
    return (gain.double() * wide / _compute_norm(wide)).to(direction.dtype)


def _compute_norm(weight: Tensor) -> Tensor:
    return torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)
