"""What a loss term reacts to: its value on a perfect output, and on outputs that are wrong in one
known way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Term = Callable[[Tensor], Tensor | float]

PERTURBATIONS = ("target", "shifted", "half", "mirrored", "noise", "silence", "other")
"""The target itself; shifted by 5 ms; at half amplitude; its spectrum mirrored (every second sample
negated: same level, same envelope, other frequencies); noise of its level; silence; its own second
half first."""


def perturb_target(target: Tensor, sample_rate: int, seed: int = 0) -> dict[str, Tensor]:
    """The outputs of `PERTURBATIONS` for a target [batch, channels, time]."""
    time = target.shape[-1]
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(seed)).to(target)
    level = target.square().mean(dim=(-2, -1), keepdim=True).sqrt()
    signs = torch.ones(time, dtype=target.dtype, device=target.device)
    signs[1::2] = -1
    return {
        "target": target.clone(),
        "shifted": target.roll(max(1, sample_rate // 200), -1),
        "half": 0.5 * target,
        "mirrored": target * signs,
        "noise": noise * level,
        "silence": torch.zeros_like(target),
        "other": target.roll(time // 2, -1),
    }


def measure_term_reactions(
    term: Term, target: Tensor, sample_rate: int, seed: int = 0
) -> dict[str, float]:
    """The value of a loss term for each output of `perturbed`; NaN where the term is not a number
    or cannot be computed.

    Args:
        term: From an output [batch, channels, time] to the term's value against `target`.
    """
    with torch.no_grad():
        return {
            name: float(term(output))
            for name, output in perturb_target(target.detach(), sample_rate, seed).items()
        }


def is_deaf(values: Mapping[str, float], tolerance: float = 1e-5) -> bool:
    """Whether a term gives the same value whatever the output is."""
    numbers = list(values.values())
    return max(numbers) - min(numbers) <= tolerance * max(map(abs, numbers), default=0.0)
