"""What the PyTorch modules of the families share: building in a weight-norm form, and loading from any of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, weight_norm

from auscult.errors import CheckpointError
from auscult.families._shapes import NEW_SUFFIXES, OLD_SUFFIXES

WeightNormForm = Literal["fused", "weight-norm-old", "weight-norm-new"]
WEIGHT_NORM_FORMS: Mapping[WeightNormForm, Callable[[nn.Module], nn.Module]] = {
    "fused": lambda layer: layer,
    "weight-norm-old": weight_norm,
    "weight-norm-new": parametrizations.weight_norm,
}
SUFFIX_PAIRS = (OLD_SUFFIXES, NEW_SUFFIXES)


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
    for gain, direction in SUFFIX_PAIRS:
        if name.endswith((gain, direction)):
            stem, is_gain = name.removesuffix(gain).removesuffix(direction), name.endswith(gain)
            stored_suffix = next(
                (
                    pair[0 if is_gain else 1]
                    for pair in SUFFIX_PAIRS
                    if stem + pair[0] in state and stem + pair[1] in state
                ),
                None,
            )
            if stored_suffix is not None:
                used_names.add(stem + stored_suffix)
                return state[stem + stored_suffix]
            weight = state.get(f"{stem}.weight")
            used_names.add(f"{stem}.weight")
            return (
                weight
                if weight is None or not is_gain
                else _compute_norm(weight.double()).to(weight.dtype)
            )
    stem = name.removesuffix(".weight")
    pair = next(
        (pair for pair in SUFFIX_PAIRS if stem + pair[0] in state and stem + pair[1] in state), None
    )
    if pair is None:
        return None
    used_names.update((stem + pair[0], stem + pair[1]))
    return fuse_weight_norm(state[stem + pair[0]], state[stem + pair[1]])


def fuse_weight_norm(gain: Tensor, direction: Tensor) -> Tensor:
    """g * v / ||v||, the norm over all axes but the first, in float64."""
    wide = direction.double()
    return (gain.double() * wide / _compute_norm(wide)).to(direction.dtype)


def _compute_norm(weight: Tensor) -> Tensor:
    return torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)
