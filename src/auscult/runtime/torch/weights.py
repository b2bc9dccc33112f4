"""The parameters and buffers that a torch module itself owns."""

from __future__ import annotations

from typing import Any

import torch

from auscult.errors import UsageError
from auscult.runtime.torch.convert import is_tensor, to_array, to_tensor
from auscult.weights import Array


def collect_own_arrays(module: torch.nn.Module) -> dict[str, Array]:
    """Parameters and buffers of the module itself, and weights that weight norm and the like make
    from them.
    """
    tensors = {
        **dict(module.named_parameters(recurse=False)),
        **dict(module.named_buffers(recurse=False)),
    }
    parametrized = getattr(module, "parametrizations", None)
    if parametrized is not None:
        tensors |= {
            f"parametrizations.{name}": tensor for name, tensor in parametrized.named_parameters()
        }
        tensors |= {name: getattr(module, name) for name in parametrized}
    for name, value in vars(
        module
    ).items():  # the weight that the older torch.nn.utils.weight_norm leaves on the module
        if f"{name}_g" in tensors and is_tensor(value):
            tensors[name] = value
    return {name: to_array(tensor) for name, tensor in tensors.items() if is_tensor(tensor)}


def set_own_array(module: torch.nn.Module, name: str, array: Array) -> None:
    """Give the module other values of what `collect_own_arrays` names so; of a weight under weight
    norm, its length and direction.

    Raises:
        UsageError: If it has no such weight, or makes it in a way that cannot be undone.
    """
    own = {
        **dict(module.named_parameters(recurse=False)),
        **dict(module.named_buffers(recurse=False)),
    }
    parametrized: Any = getattr(module, "parametrizations", None)
    if parametrized is not None:
        own |= {f"parametrizations.{key}": value for key, value in parametrized.named_parameters()}
    with torch.no_grad():
        if name in own:
            own[name].copy_(to_tensor(array).reshape(own[name].shape))
        elif parametrized is not None and name in parametrized:
            _set_parametrized(module, name, to_tensor(array))
        elif f"{name}_g" in own and f"{name}_v" in own:
            length, direction = own[f"{name}_g"], own[f"{name}_v"]
            axes = [axis for axis, count in enumerate(length.shape) if count == 1]
            direction.copy_(to_tensor(array))
            length.copy_(direction.norm(dim=axes, keepdim=True))
        else:
            raise UsageError(
                "has no such weight", where=type(module).__name__, found=name, hint=", ".join(own)
            )


def _set_parametrized(module: torch.nn.Module, name: str, tensor: torch.Tensor) -> None:
    try:
        setattr(module, name, tensor)
    except (NotImplementedError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"is computed in a way that cannot be undone: {error}",
            where=f"{type(module).__name__} {name}",
        ) from error
