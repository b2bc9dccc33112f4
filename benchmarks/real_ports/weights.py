"""Random weights for a reference, and the same ones in a port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

NORM_SPREAD = 0.2
"""Spread of what is added to vectors: biases that begin as zero, norms' weights that begin as one."""
MLX_AXES = {3: (0, 2, 1), 4: (0, 2, 3, 1)}
"""Axes of a torch convolution as MLX stores it."""
MLX_AXES_TRANSPOSED = {3: (1, 2, 0), 4: (1, 2, 3, 0)}
"""The same of a transposed convolution."""


def randomise(model: Any, seed: int = 0) -> Any:
    """Draw the parameters of a torch module, so that every one of them shows in the output, and set evaluation mode.

    Matrices and filters get the spread 1 / sqrt(inputs), at which activations keep their size; vectors are moved
    from what they begin with. Running statistics are drawn too; other buffers are what the model computes with.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    statistics = [(n, b) for n, b in model.named_buffers() if "running_" in n]
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *statistics]:
            drawn = torch.randn(tensor.shape, generator=generator)
            if sum(size > 1 for size in tensor.shape) < 2:
                kept = tensor if bool(torch.isfinite(tensor).all()) else torch.zeros_like(tensor)
                tensor.copy_(kept + NORM_SPREAD * drawn)
            else:
                tensor.copy_(drawn / (tensor.numel() / tensor.shape[0]) ** 0.5)
            if name.endswith(("running_var", "weight_g", "original0")):
                tensor.abs_().add_(NORM_SPREAD)
    return model.eval()


def fuse_weight_norms(model: Any) -> Any:
    """Fold weight norms into their weights, as exporters and most ports want it."""
    from torch.nn.utils import parametrize, remove_weight_norm

    for module in model.modules():
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
        elif hasattr(module, "weight_g"):
            remove_weight_norm(module)
    return model


def read_state(model: Any, *, layout: str = "torch") -> dict[str, Any]:
    """Parameters and buffers of a torch module as arrays; in the layout `mlx` with convolutions' axes in MLX's order."""
    import torch

    axes_by_path = {}
    for path, module in model.named_modules():
        if isinstance(module, torch.nn.ConvTranspose1d | torch.nn.ConvTranspose2d):
            axes_by_path[path] = MLX_AXES_TRANSPOSED
        elif isinstance(module, torch.nn.Conv1d | torch.nn.Conv2d):
            axes_by_path[path] = MLX_AXES
    state = {}
    for name, tensor in model.state_dict().items():
        array = tensor.detach().numpy()
        path = name.partition(".parametrizations.")[0]
        if path == name:
            path = name.rpartition(".")[0]
        if layout == "mlx" and path in axes_by_path and array.ndim > 2:
            array = np.ascontiguousarray(array.transpose(axes_by_path[path][array.ndim]))
        state[name] = array
    return state


def rename(state: Mapping[str, Any], pairs: Mapping[str, str]) -> dict[str, Any]:
    """The state under names in which each key of `pairs` is replaced by its value, in order."""
    renamed = {}
    for name, array in state.items():
        new_name = name
        for old, new in pairs.items():
            new_name = new_name.replace(old, new)
        renamed[new_name] = array
    return renamed


def load_mlx(port: Any, state: Mapping[str, Any], *, ignore: tuple[str, ...] = ()) -> Any:
    """Give an MLX module arrays by its own names, all of them.

    Args:
        port: The MLX module.
        state: Arrays by the port's names, in its layout.
        ignore: Ends of names that the port does not hold.

    Raises:
        ValueError: If a tensor of the port is missing, is not the port's, or has another shape.
    """
    import mlx.core as mx
    from mlx.utils import tree_flatten

    own = dict(tree_flatten(port.parameters()))
    loaded = []
    for name, array in state.items():
        if name not in own:
            if ignore and name.endswith(ignore):
                continue
            raise ValueError(f"{name}: the port has no such tensor")
        shape = tuple(own[name].shape)
        if tuple(array.shape) != shape:
            raise ValueError(f"{name}: {tuple(array.shape)}, the port has {shape}")
        loaded.append((name, mx.array(array)))
    missing = sorted(set(own) - {name for name, _ in loaded})
    if missing:
        raise ValueError(f"the port's {', '.join(missing[:5])} got no weights")
    port.load_weights(loaded)
    port.eval()
    mx.eval(port.parameters())
    return port


def number_inputs(*arrays: Any) -> dict[str, Any]:
    """Inputs by position."""
    return {f"input.{index}" if index else "input": array for index, array in enumerate(arrays)}


def draw_normal(*shape: int, seed: int = 1) -> Any:
    """Standard normal values, float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def draw_ids(count: int, *shape: int, seed: int = 2) -> Any:
    """Whole numbers below `count`."""
    return np.random.default_rng(seed).integers(0, count, shape)
