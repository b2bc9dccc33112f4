"""The state of a training run as named tensors: `resume.safetensors` has all that the run needs to
go on bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def flatten_optimizer(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, Tensor]:
    """An optimizer's moments and counters as named tensors."""
    state = optimizer.state_dict()["state"]
    tensors: dict[str, Tensor] = {}
    for index, row in state.items():
        tensors |= {
            f"{prefix}{index}.{name}": torch.as_tensor(value) for name, value in row.items()
        }
    return tensors


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], prefix: str
) -> None:
    rows: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(prefix):
            index, _, field = name.removeprefix(prefix).partition(".")
            rows.setdefault(int(index), {})[field] = value
    optimizer.load_state_dict(
        {"state": rows, "param_groups": optimizer.state_dict()["param_groups"]}
    )


def select_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
