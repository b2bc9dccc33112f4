"""Candidates: the reference's network again in torch or MLX, with one mistake planted, or correct in another form."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import mlx.core as mx
import numpy as np
from torch import nn

from auscult.families.hifigan import mlx as hifigan
from auscult.families.streamspeech_modified import mlx as streamspeech
from corpus.computation import mlx_loading
from corpus.computation.choices import Choices
from corpus.computation.networks import HIFIGAN, STREAMSPEECH, NetworkInputs, build_network
from corpus.computation.plants import PlantedMistake

CHANNELS_FIRST = {
    "flow": ("input", "input.2"),
    "istft-vocoder": ("input",),
    "hifigan": ("input",),
    "streamspeech-modified": ("input",),
}


def build_sides(plant: PlantedMistake, framework: str, seed: int) -> tuple[nn.Module, Any] | None:
    """The reference and the candidate; None where the mistake is not planted in that framework."""
    reference = build_network(plant.network, {}, seed)
    if plant.prepare is not None:
        plant.prepare(reference)
    if framework == "torch":
        candidate = build_network(plant.network, plant.changes, seed)
        if plant.prepare is not None:
            plant.prepare(candidate)
        if plant.mutate is not None:
            plant.mutate(candidate)
        return reference, candidate
    if plant.mutate is not None and plant.mlx is None:
        return None
    port = build_mlx_port(plant.network, plant.changes, reference)
    if plant.mlx is not None:
        plant.mlx(port, mlx_loading.rename_path(plant.network, plant.path))
    return reference, port


def build_mlx_port(name: str, changes: Mapping[str, Any], reference: nn.Module) -> Any:
    """The network in MLX with the reference's weights."""
    state = {key: tensor.detach().numpy() for key, tensor in reference.state_dict().items()}
    if name == "hifigan":
        port: Any = hifigan.build(replace(HIFIGAN, **changes))
        hifigan.load(port, state)
    elif name == "streamspeech-modified":
        port = streamspeech.build(replace(STREAMSPEECH, **changes))
        streamspeech.load(port, state)
    else:
        port = mlx_loading.NETWORK_CLASSES[name](replace(Choices(), **changes))
        mlx_loading.load_state(port, name, state)
    port.eval()
    mx.eval(port.parameters())
    return port


def to_mlx_inputs(name: str, torch_inputs: NetworkInputs) -> NetworkInputs:
    """The inputs with channels last."""
    channels_first_roles = CHANNELS_FIRST.get(name, ())
    return {
        role: np.ascontiguousarray(array.swapaxes(1, 2)) if role in channels_first_roles else array
        for role, array in torch_inputs.items()
    }


def to_half(name: str, reference: nn.Module) -> Any:
    return copy.deepcopy(reference).half()


def to_bfloat16(name: str, reference: nn.Module) -> Any:
    return copy.deepcopy(reference).bfloat16()


def to_double(name: str, reference: nn.Module) -> Any:
    return copy.deepcopy(reference).double()


def port_to_mlx(name: str, reference: nn.Module) -> Any:
    return build_mlx_port(name, {}, reference)


def port_to_mlx_half(name: str, reference: nn.Module) -> Any:
    port = build_mlx_port(name, {}, reference)
    port.set_dtype(mx.float16)
    return port


def wrap_layers(name: str, reference: nn.Module) -> Any:
    """Every linear layer and convolution inside a module that holds it: another granularity, other names."""
    model = copy.deepcopy(reference)
    for module in list(model.modules()):
        for child_name, child in list(module.named_children()):
            if isinstance(child, nn.Linear | nn.Conv1d | nn.ConvTranspose1d) and not isinstance(
                module, nn.ModuleList
            ):
                setattr(module, child_name, nn.Sequential(child))
    return model


def remove_dropout(name: str, reference: nn.Module) -> Any:
    """Norms as functions: what was a module is none any more."""
    model = copy.deepcopy(reference)
    for module in list(model.modules()):
        for child_name, child in list(module.named_children()):
            if isinstance(child, nn.Dropout):
                setattr(module, child_name, nn.Identity())
    return model


PORTS: Mapping[str, Callable[[str, nn.Module], Any]] = {
    "float16": to_half,
    "bfloat16": to_bfloat16,
    "float64": to_double,
    "mlx": port_to_mlx,
    "mlx-float16": port_to_mlx_half,
    "wrapped": wrap_layers,
    "without-dropout": remove_dropout,
}
"""Correct ports: none of them may raise an alarm."""
