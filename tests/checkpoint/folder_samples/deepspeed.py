"""A small random folder of DeepSpeed's ZeRO, as two ranks write it: stage 2 for even seeds, stage 3 for odd ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

State = dict[str, Any]


def make(path: Path, seed: int) -> None:
    """Write the states of three parameters in two groups, and of a buffer."""
    write(path, draw(seed), stage=2 + seed % 2, ranks=2)


def draw(seed: int) -> list[dict[str, torch.Tensor]]:
    """The parameters of each group, whole."""
    generator = torch.Generator().manual_seed(seed)
    return [
        {
            "conv.weight": torch.randn(3, 5, 1, generator=generator),
            "head.weight": torch.randn(2, 3, generator=generator),
        },
        {"conv.bias": torch.randn(3, generator=generator)},
    ]


def write(
    path: Path,
    groups: list[dict[str, torch.Tensor]],
    *,
    stage: int,
    ranks: int,
    prefix: str = "",
    extra: State | None = None,
) -> None:
    """Write model states and each rank's part of the parameters.

    Args:
        prefix: Of the optimizer's files: `bf16_` where the optimizer is that of bfloat16.
        extra: More entries of the model states.
    """
    parameters = {name: tensor for group in groups for name, tensor in group.items()}
    module = {name: tensor.bfloat16() for name, tensor in parameters.items()}
    if stage == 3:
        module = {name: torch.empty(0, dtype=torch.bfloat16) for name in parameters}
    states: State = {
        "module": {**module, "window": torch.arange(4.0)},
        "buffer_names": ["window"],
        "param_shapes": [{name: t.shape for name, t in group.items()} for group in groups],
        "frozen_param_shapes": None,
        "shared_params": {},
        "ds_config": {},
        "ds_version": "0.19.8",
        **(extra or {}),
    }
    parts = cut_stage_3(groups, ranks) if stage == 3 else cut_stage_2(groups, ranks)
    for rank, vectors in enumerate(parts):
        if stage == 3:
            torch.save(states, path / f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt")
        elif rank == 0:
            torch.save(states, path / "mp_rank_00_model_states.pt")
        key = "fp32_flat_groups" if stage == 3 else "single_partition_of_fp32_groups"
        optimizer: State = {
            "zero_stage": stage,
            "partition_count": ranks if stage == 3 else [ranks] * len(groups),
            key: vectors,
        }
        name = f"{prefix}zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"
        torch.save({"optimizer_state_dict": optimizer, "ds_version": "0.19.8"}, path / name)


def cut_stage_2(groups: list[dict[str, torch.Tensor]], ranks: int) -> list[list[torch.Tensor]]:
    """A group's parameters one behind the other, padded to twice the ranks, in equal pieces."""
    pieces = []
    for group in groups:
        vector = torch.cat([tensor.reshape(-1) for tensor in group.values()])
        padding = -vector.numel() % (2 * ranks)
        pieces.append(torch.cat([vector, torch.zeros(padding)]).chunk(ranks))
    return [[piece[rank].clone() for piece in pieces] for rank in range(ranks)]


def cut_stage_3(groups: list[dict[str, torch.Tensor]], ranks: int) -> list[list[torch.Tensor]]:
    """Every parameter padded to a multiple of the ranks and cut; a rank's shares lie one behind the other."""
    parts: list[list[torch.Tensor]] = [[] for _ in range(ranks)]
    for group in groups:
        shares: list[list[torch.Tensor]] = [[] for _ in range(ranks)]
        for tensor in group.values():
            padded = torch.cat([tensor.reshape(-1), torch.zeros(-tensor.numel() % ranks)])
            for rank, share in enumerate(padded.chunk(ranks)):
                shares[rank].append(share)
        for rank in range(ranks):
            parts[rank].append(torch.cat(shares[rank]))
    return parts
