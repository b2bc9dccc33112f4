"""The state of a training run as named tensors: `resume.safetensors` has all that the run needs to
go on bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def flatten_scaler(scaler: Any) -> dict[str, Tensor]:
    """The state of mixed precision's gradient scaler; nothing where there is none."""
    if scaler is None:
        return {}
    return {
        f"scaler.{name}": torch.tensor(float(value), dtype=torch.float64)
        for name, value in scaler.state_dict().items()
    }


def restore_scaler(scaler: Any, tensors: Mapping[str, Tensor]) -> None:
    stored = {name: value.item() for name, value in select_prefix(tensors, "scaler.").items()}
    if scaler is None or not stored:
        return
    integer_keys = ("growth_interval", "_growth_tracker")
    scaler.load_state_dict(
        {name: int(value) if name in integer_keys else value for name, value in stored.items()}
    )
