"""The parameters and buffers that a torch module itself owns."""

from __future__ import annotations

import torch

from auscult.runtime.torch.convert import is_tensor, to_array
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
