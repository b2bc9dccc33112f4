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
from corpus.computation.networks import HIFIGAN, STREAMSPEECH, Inputs, network
from corpus.computation.plants import Plant

CHANNELS_FIRST = {
    "flow": ("input", "input.2"),
    "istft-vocoder": ("input",),
    "hifigan": ("input",),
    "streamspeech-modified": ("input",),
}


def pair(plant: Plant, framework: str, seed: int) -> tuple[nn.Module, Any] | None:
    """The reference and the candidate; None where the mistake is not planted in that framework."""
    reference = network(plant.network, {}, seed)
    if plant.prepare is not None:
        plant.prepare(reference)
    if framework == "torch":
        candidate = network(plant.network, plant.changes, seed)
        if plant.prepare is not None:
            plant.prepare(candidate)
        if plant.mutate is not None:
            plant.mutate(candidate)
        return reference, candidate
    if plant.mutate is not None and plant.mlx is None:
        return None
    port = mlx_port(plant.network, plant.changes, reference)
    if plant.mlx is not None:
        plant.mlx(port, mlx_loading.renamed(plant.network, plant.path))
    return reference, port


def mlx_port(name: str, changes: Mapping[str, Any], reference: nn.Module) -> Any:
    """The network in MLX with the reference's weights."""
    state = {key: tensor.detach().numpy() for key, tensor in reference.state_dict().items()}
    if name == "hifigan":
        port: Any = hifigan.build(replace(HIFIGAN, **changes))
        hifigan.load(port, state)
    elif name == "streamspeech-modified":
        port = streamspeech.build(replace(STREAMSPEECH, **changes))
        streamspeech.load(port, state)
    else:
        port = mlx_loading.DRAWN[name](replace(Choices(), **changes))
        mlx_loading.load(port, name, state)
    port.eval()
    mx.eval(port.parameters())
    return port


def mlx_inputs(name: str, given: Inputs) -> Inputs:
    """The inputs with channels last."""
    turned = CHANNELS_FIRST.get(name, ())
    return {
        role: np.ascontiguousarray(array.swapaxes(1, 2)) if role in turned else array
        for role, array in given.items()
    }


def half(name: str, reference: nn.Module) -> Any:
    return copy.deepcopy(reference).half()


def brain(name: str, reference: nn.Module) -> Any:
    return copy.deepcopy(reference).bfloat16()


def double(name: str, reference: nn.Module) -> Any:
    return copy.deepcopy(reference).double()


def in_mlx(name: str, reference: nn.Module) -> Any:
    return mlx_port(name, {}, reference)


def mlx_half(name: str, reference: nn.Module) -> Any:
    port = mlx_port(name, {}, reference)
    port.set_dtype(mx.float16)
    return port


def fused(name: str, reference: nn.Module) -> Any:
    """Every linear layer and convolution inside a module that holds it: another granularity, other names."""
    model = copy.deepcopy(reference)
    for module in list(model.modules()):
        for child_name, child in list(module.named_children()):
            if isinstance(child, nn.Linear | nn.Conv1d | nn.ConvTranspose1d) and not isinstance(
                module, nn.ModuleList
            ):
                setattr(module, child_name, nn.Sequential(child))
    return model


def opened(name: str, reference: nn.Module) -> Any:
    """Norms as functions: what was a module is none any more."""
    model = copy.deepcopy(reference)
    for module in list(model.modules()):
        for child_name, child in list(module.named_children()):
            if isinstance(child, nn.Dropout):
                setattr(module, child_name, nn.Identity())
    return model


PORTS: Mapping[str, Callable[[str, nn.Module], Any]] = {
    "float16": half,
    "bfloat16": brain,
    "float64": double,
    "mlx": in_mlx,
    "mlx-float16": mlx_half,
    "wrapped": fused,
    "without-dropout": opened,
}
"""Correct ports: none of them may raise an alarm."""
